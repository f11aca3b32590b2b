package users

import (
	"context"
	"encoding/json"
	"errors"

	"signet/users/factor"
)

// Registration is what an account is made of, and on whose word.
type Registration struct {
	Name     string // as typed
	Email    string // as typed
	Username string // as typed; optional
	Terms    string // version of the terms of service accepted; "" = none
	// Claims are a JSON object of standard claims. Only operators give them.
	Claims       json.RawMessage
	Verification Verification
	Method       SignInMethod
	Voucher      Voucher
	// Carried comes back from LookSignup; users/federation keeps there, sealed, who the person is at an upstream.
	Carried []byte
}

// Verification says how the address is verified. The zero value: it is not.
type Verification struct {
	by              verifiedBy
	secret, browser string
}

type verifiedBy int

const (
	unverified verifiedBy = iota
	verifiedByLink
	verifiedByUpstream
	verifiedByOperator
)

// VerifiedByLink is the link that RequestAccount had mailed, opened in the browser of that mark. What was typed and who vouches
// are then those of RequestAccount.
func VerifiedByLink(secret, browser string) Verification {
	return Verification{by: verifiedByLink, secret: secret, browser: browser}
}

// VerifiedByUpstream is an upstream that answers for the address.
func VerifiedByUpstream() Verification { return Verification{by: verifiedByUpstream} }

// VerifiedByOperator is an operator's word.
func VerifiedByOperator() Verification { return Verification{by: verifiedByOperator} }

// SignInMethod is by what the person signs in. The zero value: by nothing yet.
type SignInMethod struct {
	kind      methodKind
	password  string
	accountID string
	write     func(ctx context.Context, proof factor.Proof) error
}

type methodKind int

const (
	noMethod methodKind = iota
	passwordMethod
	credentialMethod
)

// WithPassword is a password, as typed.
func WithPassword(password string) SignInMethod {
	return SignInMethod{kind: passwordMethod, password: password}
}

// WithCredential is something else, made for the account's id; write runs in the transaction that makes the account, and is given what
// proves that it does.
func WithCredential(accountID string, write func(ctx context.Context, proof factor.Proof) error) SignInMethod {
	return SignInMethod{kind: credentialMethod, accountID: accountID, write: write}
}

// Voucher says on whose word there may be an account. The zero value: on the person's own, where sign-up is open.
type Voucher struct {
	by         vouchedBy
	invitation string // its secret
}

type vouchedBy int

const (
	vouchedBySelf vouchedBy = iota
	vouchedByUpstream
	vouchedByInvitation
	vouchedByOperator
)

// VouchedByUpstream is an upstream that makes accounts also where sign-up is closed. The domains of sign-up bind all the same.
func VouchedByUpstream() Voucher { return Voucher{by: vouchedByUpstream} }

// VouchedByInvitation is an invitation's link. Its address, if it names one, is the account's, and is verified if the link was
// mailed there.
func VouchedByInvitation(secret string) Voucher {
	return Voucher{by: vouchedByInvitation, invitation: secret}
}

// VouchedByOperator is an operator, or the link that one was shown (users/firstrun): also where sign-up is closed, with claims, and
// without a way to sign in if none is given.
// The domains of sign-up bind operators too.
func VouchedByOperator() Voucher { return Voucher{by: vouchedByOperator} }

// errContradictory is a mistake of the caller, not of a person.
var errContradictory = errors.New("registration: verification, sign-in method and voucher do not go together")

// consistent reports whether the parts go together.
func (r Registration) consistent() bool {
	credential := r.Method.kind == credentialMethod
	switch r.Voucher.by {
	case vouchedByOperator:
		return r.Verification.by == unverified || r.Verification.by == verifiedByOperator && !credential
	case vouchedByUpstream: // one signs in there
		return (r.Verification.by == unverified || r.Verification.by == verifiedByUpstream) && credential
	}
	switch r.Verification.by {
	case unverified:
		return r.Method.kind != noMethod
	case verifiedByLink:
		return r.Method.kind != noMethod && r.Voucher.by == vouchedBySelf
	case verifiedByUpstream:
		return credential
	}
	return false
}

// onlyAsked reports whether the account is asked for by an email to its address. Until that is verified nothing but a password's
// hash is kept, so there is no credential yet.
func (r Registration) onlyAsked() bool {
	switch r.Voucher.by {
	case vouchedBySelf:
		return r.Verification.by == unverified && r.Method.kind != credentialMethod
	case vouchedByUpstream:
		return r.Verification.by == unverified && r.Method.kind == noMethod
	}
	return false
}
