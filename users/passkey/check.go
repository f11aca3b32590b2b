package passkey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/storage"
	"signet/users/session"
	"signet/users/ticket"
)

// pace counts the challenges that a network asks for: each is a row. A person who is known by now, and a browser known to an account, have
// some of their own (rule V06). ErrThrottled.
func (s *Service) pace(ctx context.Context, userID string) error {
	o := audit.OriginOf(ctx)
	own := ratelimit.Limit{Free: 30, Window: 10 * time.Minute, OnSuccess: ratelimit.Never}
	if userID != "" {
		own.Key = "passkey asked by " + userID + " " + o.Network
	} else if o.KnownBrowser != "" {
		own.Key = "passkey asked in " + o.KnownBrowser
	}
	_, err := s.limits.ChargeOr(ctx, own, ratelimit.Limit{
		Key: "passkey asked " + o.Network, Free: 1000, Window: 10 * time.Minute, First: time.Second, Max: 10 * time.Second,
		OnSuccess: ratelimit.Never,
	})
	return throttled(err)
}

// failed counts a wrong answer of a network. Passkeys cannot be guessed, so they are judged first and nobody is turned away for what others
// did (rule V05); the limit only keeps the log in bounds, and has nothing to do with that of passwords. ErrThrottled.
func (s *Service) failed(ctx context.Context) error {
	_, err := s.limits.Charge(ctx, ratelimit.Limit{
		Key: "passkey wrong " + audit.OriginOf(ctx).Network, Free: 100, Window: time.Hour, First: time.Second, Max: 30 * time.Second,
	})
	return throttled(err)
}

func throttled(err error) error {
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return fmt.Errorf("%w: %w", ErrThrottled, late)
	}
	if err != nil {
		return fmt.Errorf("count passkey tries: %w", err)
	}
	return nil
}

// Proof is a passkey that was shown. It counts once Commit has run in the transaction of the act it was asked for.
type Proof struct {
	User     storage.User
	Verified bool // the authenticator verified its user: fingerprint, face, PIN
	Synced   bool // the key can leave the device

	service *Service
	row     storage.Credential
	data    string // as to be kept from now on
	counter int64
}

// Check verifies the answer to BeginSignIn (userID "") or BeginFor. ErrWrong whatever is wrong with it; ErrThrottled.
func (s *Service) Check(ctx context.Context, p ticket.Purpose, browser, userID string, response []byte) (*Proof, error) {
	proof, whose, err := s.check(ctx, p, browser, userID, response)
	ctx = context.WithoutCancel(ctx) // what was judged is written down, whether or not anybody waits for it
	if refused, ok := errors.AsType[*refusal](err); ok {
		if late := s.failed(ctx); late != nil {
			return nil, late
		}
		e := audit.Event{Name: audit.SignInFailed, UserID: whose, Detail: map[string]string{"by": Kind, "why": refused.why}}
		return nil, errors.Join(err, s.audit.Record(ctx, e))
	}
	return proof, err
}

// check is Check without the counting; whose is the person a wrong answer was about, "" = nobody.
func (s *Service) check(ctx context.Context, p ticket.Purpose, browser, userID string,
	response []byte) (proof *Proof, whose string, err error) {
	if len(response) > maxResponse {
		return nil, "", wrong("size", nil)
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err == nil {
		err = once(response, answer.Raw.AssertionResponse.ClientDataJSON)
	}
	if err != nil {
		return nil, "", wrong("malformed", err)
	}
	c, err := s.close(ctx, p, browser, answer.Response.CollectedClientData)
	if err != nil {
		return nil, "", err
	}
	row, err := s.stores.Passkeys.CredentialByHandle(ctx, Kind, handle(answer.RawID))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, "", wrong(whyUnknown, nil)
	}
	if err != nil {
		return nil, "", fmt.Errorf("find passkey: %w", err)
	}
	if c.UserID != userID || userID != "" && row.UserID != userID {
		return nil, row.UserID, wrong("another person", nil)
	}
	r, err := read(row)
	if err != nil {
		return nil, row.UserID, err
	}
	used, err := s.verify(row, r, c, answer)
	if err != nil {
		return nil, row.UserID, err
	}
	u, err := s.stores.People.UserByID(ctx, row.UserID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, "", wrong(whyUnknown, nil)
	case err != nil:
		return nil, row.UserID, fmt.Errorf("find person: %w", err)
	case !u.DisabledAt.IsZero():
		return nil, u.ID, wrong("disabled", nil)
	case !u.FrozenAt.IsZero():
		return nil, u.ID, wrong("frozen", nil)
	}
	if used.Authenticator.CloneWarning {
		e := audit.Event{Name: audit.PasskeyCloned, UserID: u.ID, Detail: map[string]any{
			"passkey": row.ID, "stored": row.Counter, "shown": answer.Response.AuthenticatorData.Counter,
		}}
		return nil, u.ID, errors.Join(wrong("sign count", nil), s.audit.Record(ctx, e))
	}
	flags := answer.Response.AuthenticatorData.Flags
	proof = &Proof{User: u, Verified: flags.HasUserVerified(), Synced: r.BackupEligible, service: s, row: row,
		counter: int64(used.Authenticator.SignCount)}
	r.BackedUp = flags.HasBackupState()
	proof.data, err = r.text()
	return proof, u.ID, err
}

// verify runs the steps of WebAuthn section 7.2.
func (s *Service) verify(row storage.Credential, r record, c ceremony,
	answer *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	kept, err := r.credential(row.Handle, row.Counter)
	if err != nil {
		return nil, err
	}
	owner := person{id: row.UserID, credentials: []webauthn.Credential{kept}}
	var used *webauthn.Credential
	if c.UserID == "" {
		_, used, err = s.rp.ValidatePasskeyLogin(func(_, userHandle []byte) (webauthn.User, error) {
			if !bytes.Equal(userHandle, []byte(row.UserID)) {
				return nil, errors.New("user handle of somebody else")
			}
			return owner, nil
		}, c.Session, answer)
	} else {
		c.Session.AllowedCredentialIDs = nil // the row was found by its id and is the person's
		used, err = s.rp.ValidateLogin(owner, c.Session, answer)
	}
	if err != nil {
		return nil, wrong("refused", err)
	}
	return used, nil
}

// Commit makes the proof count: in the transaction of ctx it checks that nothing ended everything of the person since and that
// the passkey is still there and was not used meanwhile, and notes the use. ErrChanged.
func (p *Proof) Commit(ctx context.Context) error {
	s := p.service
	if err := s.lock(ctx, p.User.ID, p.User.Epoch); err != nil {
		return err
	}
	err := s.stores.Passkeys.UseCredential(ctx, p.row.ID, p.data, p.row.Counter, p.counter, now())
	if errors.Is(err, storage.ErrStale) {
		return ErrChanged
	}
	if err != nil {
		return fmt.Errorf("note use of passkey: %w", err)
	}
	return s.audit.Record(ctx, audit.Event{Name: audit.SignInSucceeded, UserID: p.User.ID, Detail: map[string]string{"by": Kind}})
}

// How says what the passkey alone proves, where it verified its user.
func (p *Proof) How(remember bool) session.How {
	return session.How{AMR: append(p.AMR(), session.AMRMulti), ACR: session.ACRResistant, Remember: remember, Within: p.Commit}
}

// AMR are the values of RFC 8176 for the passkey: where the key lives, and a test of the user if there was one.
func (p *Proof) AMR() []string {
	amr := []string{session.AMRHardware}
	if p.Synced {
		amr[0] = session.AMRSoftware
	}
	if p.Verified {
		amr = append(amr, session.AMRUser)
	}
	return amr
}

func now() time.Time { return time.Now() }
