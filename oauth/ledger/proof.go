package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/clients"
	"signet/oauth/dpop"
	"signet/oauth/mtls"
	"signet/oauth/refusal"
	"signet/storage"
)

// Replay notes what may be used once; *storage.DB does.
type Replay interface {
	// SpendOnce is ErrConflict the second time.
	SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error
}

// Keeper notes the use of a grant whose refresh token stays the same; *storage.DB does.
type Keeper interface {
	TouchGrant(ctx context.Context, id string, now, expiresAt time.Time) error
}

// HoldsKey reports whether the request comes from the key and the certificate that the grant is bound to; true where it is bound to none.
// A confidential client's refresh tokens are bound by its own authentication (RFC 9449 section 5, RFC 8705 section 7.1).
func (req *Request) HoldsKey() bool { return req.HoldsCertificate() && req.holdsProof() }

// HoldsCertificate reports whether the request comes with the certificate that the grant is bound to; true where it is bound to none.
func (req *Request) HoldsCertificate() bool {
	return req.Facts.X5T == "" || req.boundByClient() || req.Certificate.Thumbprint() == req.Facts.X5T
}

func (req *Request) holdsProof() bool {
	return req.Facts.JKT == "" || req.boundByClient() || req.Proof != nil && req.Proof.JKT == req.Facts.JKT
}

func (req *Request) boundByClient() bool {
	return req.GrantType == clients.RefreshToken && !req.Client.Public()
}

// Confirmation is the claim cnf of the access token: the key of the proof, and the certificate where the client registered to have tokens
// bound to it, or its grant is. Nil = it is bound to neither.
func (req *Request) Confirmation() json.RawMessage {
	jkt := ""
	if req.Proof != nil {
		jkt = req.Proof.JKT
	}
	return mtls.Confirmation(jkt, req.x5t())
}

// x5t is the certificate that the tokens of the request are bound to; "" = none.
func (req *Request) x5t() string {
	if !req.Client.CertificateBoundAccessTokens && req.Facts.X5T == "" {
		return ""
	}
	return req.Certificate.Thumbprint()
}

// binding are the facts of the grant that the request is the first to show a key or a certificate for, if these bind its refresh tokens
// from now on: a public client's (RFC 9449 section 5, RFC 8705 section 4). Nil: they stay as they are.
func (req *Request) binding() ([]byte, error) {
	if !req.Client.Public() {
		return nil, nil
	}
	facts, first := req.Facts, false
	if req.Proof != nil && facts.JKT == "" {
		facts.JKT, first = req.Proof.JKT, true
	}
	if x5t := req.x5t(); x5t != "" && facts.X5T == "" {
		facts.X5T, first = x5t, true
	}
	if !first {
		return nil, nil
	}
	row := storage.Grant{}
	err := facts.Put(&row)
	return row.Data, err
}

// ErrProofReplayed: a proof of possession was used before.
var ErrProofReplayed = errors.New("proof of possession used before")

// SpendProof uses up the proof of the request; nil is none. A second use is refused (RFC 9449 section 11.1). In the transaction of ctx, if
// there is one.
func (l *Ledger) SpendProof(ctx context.Context, p *dpop.Proof) error {
	if p == nil {
		return nil
	}
	owner, id, until := p.Once()
	err := l.o.Replay.SpendOnce(ctx, "dpop", owner, id, until)
	if errors.Is(err, storage.ErrConflict) {
		l.o.Metrics.Proof("replayed")
		return refusal.InvalidDPoPProof("This DPoP proof was used before. Make a new one for each request.").Because(
			fmt.Errorf("%w: %w", ErrProofReplayed, err))
	}
	return err
}
