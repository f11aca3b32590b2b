package login

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/users/factor"
	"signet/users/session"
)

// levels by their OpenID Connect names.
var levels = map[string]factor.Level{flow.ACRSingle: factor.Single, flow.ACRMulti: factor.Multi, flow.ACRResistant: factor.Resistant}

// proofOf is what a person signed in shows.
func proofOf(v *browser.Visitor) factor.Proof {
	return factor.Proof{By: factor.BySession, UserID: v.UserID, Epoch: v.UserEpoch, Level: levels[v.ACR], At: v.AuthTime}
}

// May asks for leave for an act on the account of the person signed in (rule V01). Errors as of factor.May; factor.ErrConfirm is
// answered by Confirm.
//
// Who has no factor here and confirmed a moment ago that it is them may do what that allows; for anything else they are told to add a
// factor first (ErrFirstFactor).
func (l *Login) May(ctx context.Context, v *browser.Visitor, act factor.Act) (factor.Permit, error) {
	permit, err := l.may(ctx, v, proofOf(v), act)
	if !errors.Is(err, factor.ErrConfirm) {
		return permit, err
	}
	proof, confirmed, readErr := l.confirmation(ctx, v)
	if readErr != nil || !confirmed {
		return factor.Permit{}, errors.Join(readErr, err)
	}
	permit, err = l.may(ctx, v, proof, act)
	if errors.Is(err, factor.ErrConfirm) {
		return permit, l.firstFactor(ctx, v, err)
	}
	return permit, err
}

// MayWithPassword is May where the present password was asked for beside, and was right.
func (l *Login) MayWithPassword(ctx context.Context, v *browser.Visitor, act factor.Act) (factor.Permit, error) {
	proof := proofOf(v)
	proof.Password = true
	return l.may(ctx, v, proof, act)
}

// MayAsBegun is May for an act that was allowed a while ago, with the proof of then, and is carried out now that the person is back from
// an upstream: still the same, with nothing ended since.
func (l *Login) MayAsBegun(ctx context.Context, v *browser.Visitor, then factor.Proof, act factor.Act) (factor.Permit, error) {
	if then.UserID != v.UserID || then.Epoch != v.UserEpoch {
		return factor.Permit{}, factor.ErrNotAllowed
	}
	return l.may(ctx, v, then, act)
}

// ProofOf is what a person signed in shows, for LinkLogin, which is asked for now and carried out when they are back from an upstream.
func (l *Login) ProofOf(v *browser.Visitor) factor.Proof {
	proof := proofOf(v)
	proof.AskedAt = time.Now()
	return proof
}

func (l *Login) may(ctx context.Context, v *browser.Visitor, proof factor.Proof, act factor.Act) (factor.Permit, error) {
	account, err := l.Factors.Account(ctx, v.User)
	if err != nil {
		return factor.Permit{}, err
	}
	return factor.May(proof, act, account)
}

// Stronger reports whether a new sign-in of the person signed in could reach one of the classes.
func (l *Login) Stronger(ctx context.Context, v *browser.Visitor, classes ...string) (bool, error) {
	level, err := l.Factors.Reachable(ctx, v.UserID)
	return slices.ContainsFunc(classes, func(acr string) bool { return flow.Reaches(acrOf[level], acr) }), err
}

// MayPending asks for leave for an act of somebody who has made the first step of a sign-in only.
func (l *Login) MayPending(ctx context.Context, s *State, act factor.Act) (factor.Permit, error) {
	p := s.Pending
	proof := factor.Proof{By: factor.ByFirstFactor, UserID: p.UserID, Epoch: p.Epoch, Level: levels[p.ACR], At: p.At, Decided: factor.Ask}
	if p.Enrol {
		proof.Decided = factor.Enrol
	}
	account, err := l.Factors.Account(ctx, p.User)
	if err != nil {
		return factor.Permit{}, err
	}
	return factor.May(proof, act, account)
}

// offers reports whether to offer a passkey on the way on: the password was all that was asked for, the script said that the browser
// can, and the person may add one, has none and did not say no. Confirmations and identities that wait are not held up.
func (l *Login) offers(r *http.Request, s *State, v *browser.Visitor, how session.How, first bool) (bool, error) {
	if l.Passkeys == nil || first || s.In.Purpose == flow.PurposeConfirm || s.In.Progress.PendingIdentity != "" ||
		!slices.Equal(how.AMR, []string{session.AMRPassword}) || r.PostFormValue("passkeys") != "yes" || !v.User.EraseAt.IsZero() {
		return false, nil
	}
	return l.offerable(r.Context(), v)
}

func (l *Login) offerable(ctx context.Context, v *browser.Visitor) (bool, error) {
	_, err := l.May(ctx, v, factor.AddPasskey)
	if errors.Is(err, factor.ErrConfirm) || errors.Is(err, factor.ErrNotAllowed) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return l.Passkeys.Offer(ctx, v.UserID)
}
