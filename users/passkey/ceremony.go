package passkey

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"signet/audit"
	"signet/internal/exact"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/factor"
	"signet/users/session"
	"signet/users/ticket"
)

// ceremony is what a challenge's ticket remembers.
type ceremony struct {
	UserID  string               `json:"user"` // "" = nobody in particular
	Session webauthn.SessionData `json:"session"`
}

// open issues the ticket of a ceremony: its secret is the challenge.
func (s *Service) open(ctx context.Context, p ticket.Purpose, browser string, c ceremony) (challenge []byte, err error) {
	if browser == "" {
		return nil, ErrWrong
	}
	_, secret, err := s.tickets.Issue(ctx, ticket.Order{Purpose: p, Owner: browser, Data: c, Lifetime: challengeLife})
	if err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.DecodeString(secret)
}

// close uses the ticket up before anything is verified, so that one challenge is good for one answer, right or wrong
// (G06). ErrWrong.
func (s *Service) close(ctx context.Context, p ticket.Purpose, browser string, data protocol.CollectedClientData) (c ceremony, err error) {
	t, err := s.tickets.Spend(ctx, p, data.Challenge, &c)
	if errors.Is(err, ticket.ErrGone) {
		return c, wrong("challenge", err)
	}
	if err != nil {
		return c, err
	}
	if browser == "" || t.Owner != browser {
		return c, wrong("another browser", nil)
	}
	if !slices.Contains(s.origins, data.Origin) { // the library compares origins with some leniency
		return c, wrong("origin", nil)
	}
	c.Session.Challenge = data.Challenge
	return c, nil
}

// once refuses texts with a member that is there twice: the library takes the last, and another reader the first.
func once(texts ...[]byte) error {
	for _, text := range texts {
		if _, twice := exact.Twice(text); twice {
			return exact.ErrTwice
		}
	}
	return nil
}

// wrong is ErrWrong with the reason for the log.
func wrong(why string, cause error) error { return &refusal{why, cause} }

type refusal struct {
	why   string
	cause error
}

// Error is for the log.
func (r *refusal) Error() string {
	text := ErrWrong.Error() + ": " + r.why
	if e, ok := errors.AsType[*protocol.Error](r.cause); ok {
		return text + ": " + e.Details
	}
	return text
}

// Is makes it ErrWrong, and ErrUnknown where that is why.
func (r *refusal) Is(target error) bool {
	return target == ErrWrong || target == ErrUnknown && r.why == whyUnknown
}

// whyUnknown: no account here has the passkey.
const whyUnknown = "unknown"

// person is a webauthn.User.
type person struct {
	id, name, display string
	credentials       []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.id) }
func (p person) WebAuthnName() string                       { return p.name }
func (p person) WebAuthnDisplayName() string                { return p.display }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

func (r record) credential(handle string, count int64) (webauthn.Credential, error) {
	id, err := base64.RawURLEncoding.DecodeString(handle)
	if err != nil {
		return webauthn.Credential{}, fmt.Errorf("read passkey: %w", err)
	}
	c := webauthn.Credential{ID: id, PublicKey: r.PublicKey, AttestationFormat: "none"}
	for _, t := range r.Transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	c.Authenticator.AAGUID, c.Authenticator.SignCount = r.AAGUID, uint32(count)
	c.Flags.BackupEligible, c.Flags.BackupState, c.Flags.UserVerified = r.BackupEligible, r.BackedUp, true
	return c, nil
}

// of reads a person's passkeys as the library wants them.
func (s *Service) of(ctx context.Context, userID string) ([]webauthn.Credential, error) {
	rows, err := s.stores.Passkeys.Credentials(ctx, userID, Kind)
	if err != nil {
		return nil, fmt.Errorf("read passkeys: %w", err)
	}
	list := make([]webauthn.Credential, 0, len(rows))
	for _, row := range rows {
		r, err := read(row)
		if err != nil {
			return nil, err
		}
		c, err := r.credential(row.Handle, row.Counter)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func descriptors(list []webauthn.Credential) []protocol.CredentialDescriptor {
	out := make([]protocol.CredentialDescriptor, len(list))
	for i := range list {
		out[i] = list[i].Descriptor()
	}
	return out
}

// Whose tells about the person a passkey is made for.
type Whose struct {
	ID          string // of the person; also the user handle, which is random and says nothing of them
	Name        string // address or user name, shown by the authenticator
	DisplayName string
}

// BeginRegistration makes the options of navigator.credentials.create for the person signed in: {"publicKey": …}. ErrFull.
func (s *Service) BeginRegistration(ctx context.Context, browser string, of Whose) (json.RawMessage, error) {
	have, err := s.of(ctx, of.ID)
	if err != nil {
		return nil, err
	}
	if len(have) >= MaxPerPerson {
		return nil, ErrFull
	}
	return s.beginRegistration(ctx, ToRegister, browser, of, have)
}

// BeginSignUp is the same for an account that is still to be made, under an id that is made here.
func (s *Service) BeginSignUp(ctx context.Context, browser string, of Whose) (json.RawMessage, error) {
	of.ID = rand.Text()
	return s.beginRegistration(ctx, ToSignUp, browser, of, nil)
}

// beginRegistration wants passkeys that verify their user, as each shall be good for the whole sign-in.
func (s *Service) beginRegistration(ctx context.Context, p ticket.Purpose, browser string, of Whose,
	have []webauthn.Credential) (json.RawMessage, error) {
	asker := of.ID
	if p == ToSignUp {
		asker = "" // an id that was just made
	}
	if err := s.pace(ctx, asker); err != nil {
		return nil, err
	}
	required := true
	options, session, err := s.rp.BeginRegistration(person{id: of.ID, name: of.Name, display: of.DisplayName},
		webauthn.WithCredentialParameters(algorithms), webauthn.WithExclusions(descriptors(have)),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required, UserVerification: protocol.VerificationRequired,
		}))
	if err != nil {
		return nil, fmt.Errorf("begin registration: %w", err)
	}
	session.Challenge = "" // the ticket holds its hash
	if options.Response.Challenge, err = s.open(ctx, p, browser, ceremony{of.ID, *session}); err != nil {
		return nil, err
	}
	return marshal(options)
}

// BeginSignIn makes the options of navigator.credentials.get for whoever asks: any passkey of this server that verifies its
// user. They say nothing about any account (G08).
func (s *Service) BeginSignIn(ctx context.Context, browser string) (json.RawMessage, error) {
	if err := s.pace(ctx, ""); err != nil {
		return nil, err
	}
	options, session, err := s.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("begin sign-in: %w", err)
	}
	return s.ask(ctx, ToSignIn, browser, "", options, session)
}

// BeginFor makes them for somebody who is known already: ToConfirm, where the passkey has to verify its user, or ToFactor,
// where the password was given before. ErrNotFound where they have none.
func (s *Service) BeginFor(ctx context.Context, p ticket.Purpose, browser, userID string) (json.RawMessage, error) {
	if err := s.pace(ctx, userID); err != nil {
		return nil, err
	}
	have, err := s.of(ctx, userID)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return nil, ErrNotFound
	}
	verification := protocol.VerificationRequired
	if p == ToFactor {
		verification = protocol.VerificationPreferred
	}
	options, session, err := s.rp.BeginLogin(person{id: userID, credentials: have}, webauthn.WithUserVerification(verification))
	if err != nil {
		return nil, fmt.Errorf("begin sign-in: %w", err)
	}
	return s.ask(ctx, p, browser, userID, options, session)
}

func (s *Service) ask(ctx context.Context, p ticket.Purpose, browser, userID string, options *protocol.CredentialAssertion,
	session *webauthn.SessionData) (json.RawMessage, error) {
	session.Challenge = ""
	challenge, err := s.open(ctx, p, browser, ceremony{userID, *session})
	if err != nil {
		return nil, err
	}
	options.Response.Challenge = challenge
	return marshal(options)
}

func marshal(options any) (json.RawMessage, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("write passkey options: %w", err)
	}
	return text, nil
}

// Made is a passkey that was made for an account that does not exist yet.
type Made struct {
	UserID string // under which the account has to be made
	Synced bool
	insert func(ctx context.Context, proof factor.Proof) error
}

// Insert writes the passkey in the transaction that makes the account, which is proof of it. ErrTaken.
func (m *Made) Insert(ctx context.Context, proof factor.Proof) error { return m.insert(ctx, proof) }

// How says what making it proved.
func (m *Made) How() session.How {
	p := Proof{Synced: m.Synced, Verified: true}
	return session.How{AMR: append(p.AMR(), session.AMRMulti), ACR: session.ACRResistant}
}

// SignUp verifies the answer to BeginSignUp. ErrWrong.
func (s *Service) SignUp(ctx context.Context, browser string, response []byte) (*Made, error) {
	row, err := s.create(ctx, ToSignUp, browser, "", response)
	if err != nil {
		return nil, err
	}
	r, err := read(row)
	if err != nil {
		return nil, err
	}
	return &Made{row.UserID, r.BackupEligible, func(ctx context.Context, proof factor.Proof) error {
		permit, err := factor.May(proof, factor.AddPasskey, factor.Account{})
		if err != nil {
			return err
		}
		return s.insert(ctx, permit, row)
	}}, nil
}

// Register verifies the answer to BeginRegistration and adds the passkey (factor.AddPasskey) under the name, or, without one, under
// what its maker calls it. The methods (RFC 8176) are those that making it used. ErrWrong, ErrTaken, ErrFull, ErrName; else as
// factor.Ways.AddCredential.
func (s *Service) Register(
	ctx context.Context, permit factor.Permit, browser string, u storage.User, name string, response []byte,
) (amr []string, err error) {
	if err := permit.Is(u.ID, factor.AddPasskey); err != nil {
		return nil, err
	}
	name, err = cleanName(name)
	if err != nil {
		return nil, err
	}
	row, err := s.create(ctx, ToRegister, browser, u.ID, response)
	if err != nil {
		return nil, err
	}
	if name != "" {
		row.Name = name
	}
	r, err := read(row)
	if err != nil {
		return nil, err
	}
	used := Proof{Synced: r.BackupEligible, Verified: true}
	return used.AMR(), s.stores.People.Tx(ctx, func(ctx context.Context) error {
		if err := s.insert(ctx, permit, row); err != nil {
			return err
		}
		have, err := s.stores.Passkeys.Credentials(ctx, u.ID, Kind)
		if err != nil {
			return fmt.Errorf("add passkey: %w", err)
		}
		if len(have) > MaxPerPerson {
			return ErrFull
		}
		return s.notify(ctx, u.ID, mail.FactorAdded, map[string]string{"Factor": Kind})
	})
}

func (s *Service) create(ctx context.Context, p ticket.Purpose, browser, userID string, response []byte) (storage.Credential, error) {
	var row storage.Credential
	if len(response) > maxResponse {
		return row, wrong("size", nil)
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err == nil {
		err = once(response, answer.Raw.AttestationResponse.ClientDataJSON)
	}
	if err != nil {
		return row, wrong("malformed", err)
	}
	c, err := s.close(ctx, p, browser, answer.Response.CollectedClientData)
	if err != nil {
		return row, err
	}
	if userID != "" && c.UserID != userID {
		return row, wrong("another person", nil)
	}
	made, err := s.rp.CreateCredential(person{id: c.UserID}, c.Session, answer)
	if err != nil {
		return row, wrong("refused", err)
	}
	r := record{
		PublicKey: made.PublicKey, AAGUID: made.Authenticator.AAGUID, BackupEligible: made.Flags.BackupEligible,
		BackedUp: made.Flags.BackupState,
	}
	for _, t := range made.Transport {
		if known := transports[string(t)]; known && !slices.Contains(r.Transports, string(t)) {
			r.Transports = append(r.Transports, string(t))
		}
	}
	data, err := r.text()
	if err != nil {
		return row, err
	}
	return storage.Credential{
		ID: rand.Text(), UserID: c.UserID, Kind: Kind, Data: data, Handle: handle(made.ID), Name: makers[hexOf(made.Authenticator.AAGUID)],
		Counter: int64(made.Authenticator.SignCount),
	}, nil
}

// transports that are kept, as hints for later ceremonies.
var transports = map[string]bool{"usb": true, "nfc": true, "ble": true, "smart-card": true, "hybrid": true, "internal": true}

func handle(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// insert writes a new passkey with its event, in the caller's transaction.
func (s *Service) insert(ctx context.Context, permit factor.Permit, row storage.Credential) error {
	row.CreatedAt = now()
	err := s.ways.AddCredential(ctx, permit, row)
	if errors.Is(err, storage.ErrConflict) {
		return ErrTaken
	}
	if err != nil {
		return err
	}
	return s.audit.Record(ctx,
		audit.Event{Name: audit.PasskeyAdded, UserID: row.UserID, Detail: map[string]string{"passkey": row.ID, "name": row.Name}})
}

// lock makes the rest of the transaction run while nothing else ends or changes what the person has.
func (s *Service) lock(ctx context.Context, userID string, epoch int64) error {
	err := s.stores.People.HoldUser(ctx, userID, epoch)
	if errors.Is(err, storage.ErrStale) {
		return ErrChanged
	}
	if err != nil {
		return fmt.Errorf("lock person: %w", err)
	}
	return nil
}

// Rename gives one of the person's another name; "" takes it away. ErrNotFound, ErrName.
func (s *Service) Rename(ctx context.Context, userID, id, name string) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	return s.stores.People.Tx(ctx, func(ctx context.Context) error {
		err := s.stores.Passkeys.RenameCredential(ctx, id, userID, name)
		if errors.Is(err, storage.ErrNotFound) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("rename passkey: %w", err)
		}
		return s.audit.Record(ctx,
			audit.Event{Name: audit.PasskeyRenamed, UserID: userID, Detail: map[string]string{"passkey": id, "name": name}})
	})
}

// Remove takes one of the person's away (factor.RemovePasskey), unless they could not sign in without it (ErrLast). With the last
// second factor go the recovery codes. ErrNotFound; else as factor.Ways.RemovePasskey.
func (s *Service) Remove(ctx context.Context, permit factor.Permit, u storage.User, id string) error {
	if err := permit.Is(u.ID, factor.RemovePasskey); err != nil {
		return err
	}
	return s.stores.People.Tx(ctx, func(ctx context.Context) error {
		err := s.ways.RemovePasskey(ctx, permit, id)
		if errors.Is(err, storage.ErrNotFound) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := s.audit.Record(ctx,
			audit.Event{Name: audit.PasskeyRemoved, UserID: u.ID, Detail: map[string]string{"passkey": id}}); err != nil {
			return err
		}
		return s.notify(ctx, u.ID, mail.FactorRemoved, map[string]string{"Factor": Kind})
	})
}

func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if len(name) > 4*maxName || len([]rune(name)) > maxName || !printable(name) {
		return "", ErrName
	}
	return name, nil
}
