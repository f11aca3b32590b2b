package federation

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation/provider"
)

// maxName is how much of a name the form begins with, in code points.
const maxName = 100

// Suggest is what the form for a new account begins with.
func (s *Service) Suggest(k PendingIdentity) (name, email string) {
	name = cmp.Or(k.Identity.Text("name"), k.Identity.Text("given_name")+" "+k.Identity.Text("family_name"))
	runes := []rune(strings.TrimSpace(strings.ToValidUTF8(name, "")))
	return string(runes[:min(maxName, len(runes))]), cmp.Or(k.Address, strings.ToValidUTF8(k.Identity.Email, ""))
}

// Join makes an account for a pending identity, of what was typed. Whoever is invited joins by the invitation. An address that the
// upstream does not answer for is verified by email first: then mailed is true, and the account is made by Prove. Where there is
// no mail, it stays unverified. Errors as of users.Service.CreateAccount and RequestAccount; ErrExpired, ErrTaken.
func (s *Service) Join(ctx context.Context, k PendingIdentity, r users.Registration) (who storage.User, mailed bool, err error) {
	u, err := s.find(k.Upstream)
	if err != nil {
		return who, false, ErrExpired
	}
	if k.UserID != "" {
		return who, false, ErrTaken
	}
	if r.Voucher, err = s.voucher(u, k); err != nil {
		return who, false, err
	}
	if k.EmailTrusted {
		r.Email, r.Verification = k.Identity.Email, users.VerifiedByUpstream()
	} else if !k.Invited && s.People.MailOn() {
		if r.Carried, err = json.Marshal(carried{k.Upstream, k.Remember, k.sealed}); err != nil {
			return who, false, err
		}
		return who, true, s.Signup.RequestAccount(ctx, r, k.browser, k.Interaction)
	}
	id := newID()
	r.Method = users.WithCredential(id, func(ctx context.Context, proof factor.Proof) error {
		if err := s.spend(ctx, k); err != nil {
			return err
		}
		return s.attachNew(ctx, proof, u, k.Identity)
	})
	who, err = s.Signup.CreateAccount(ctx, r)
	return who, false, err
}

// voucher is on whose word a pending identity gets an account.
func (s *Service) voucher(u *upstream, k PendingIdentity) (users.Voucher, error) {
	switch {
	case k.Invited:
		secret, err := s.openInvitation(k.invitation, k.browser)
		return users.VouchedByInvitation(secret), err
	case u.NewAccounts == AccountsAlways:
		return users.VouchedByUpstream(), nil
	}
	return users.Voucher{}, nil
}

// carried is what a sign-up holds while its address waits to be verified. Its names are stored.
type carried struct {
	Upstream string `json:"upstream"`
	Remember bool   `json:"remember,omitempty"`
	Identity []byte `json:"identity"`
}

// Prove makes the account for a sign-up link that Join had sent, in the browser that asked: in another one the identity is not
// attached, because whoever opens the link there may be somebody else (D03, D04). The Callback tells how its person signed in.
// ErrExpired: it is not one of this browser's; users.ErrGone, users.ErrClosed, ErrTaken.
func (s *Service) Prove(ctx context.Context, secret string, p users.Pending, browser string) (storage.User, Callback, error) {
	var c carried
	if browser == "" || p.Browser != browser || json.Unmarshal(p.Carried, &c) != nil {
		return storage.User{}, Callback{}, ErrExpired
	}
	u, err := s.find(c.Upstream)
	if err != nil {
		return storage.User{}, Callback{}, ErrExpired
	}
	if u.NewAccounts == AccountsNever { // D12: the rules of today
		return storage.User{}, Callback{}, users.ErrClosed
	}
	a := Callback{LoginRequest: LoginRequest{
		Upstream: c.Upstream, Purpose: ToSignIn, Interaction: p.Interaction, Remember: c.Remember, Browser: browser,
	}}
	if a.Identity, err = s.openIdentity(c.Identity, browser); err != nil {
		return storage.User{}, a, ErrExpired
	}
	id := newID()
	who, err := s.Signup.CreateAccount(ctx, users.Registration{
		Verification: users.VerifiedByLink(secret, browser),
		Method: users.WithCredential(id, func(ctx context.Context, proof factor.Proof) error {
			return s.attachNew(ctx, proof, u, a.Identity)
		}),
	})
	return who, a, err
}

// attachNew is attach to an account that is made in the transaction of ctx.
func (s *Service) attachNew(ctx context.Context, proof factor.Proof, u *upstream, i provider.Identity) error {
	permit, err := factor.May(proof, factor.LinkLogin, factor.Account{})
	if err != nil {
		return err
	}
	return s.attach(ctx, permit, u, i)
}
