package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation/provider"
	"signet/users/ticket"
)

// ErrNoAccount: the identity is not linked to an account, and its upstream makes no new ones.
var ErrNoAccount = errors.New("no account is linked to this identity")

const (
	purposePending ticket.Purpose = "federation identity"
	pendingLife                   = 30 * time.Minute
	// pendingFresh is how old a sign-in at the upstream may be that is linked to an account that is there (N04): people
	// look for their password.
	pendingFresh = 15 * time.Minute
)

// PendingIdentity is an identity that is not linked to an account yet, while its person decides in the same browser.
type PendingIdentity struct {
	ID          string // public; good in that browser only
	Upstream    string
	Interaction string
	Remember    bool
	// UserID is whose account its address belongs to: that person may link it, once they have signed in to it. "" = nobody's.
	UserID       string
	EmailTrusted bool // the address needs no verification of ours
	Identity     provider.Identity
	// Invited: an invitation lets the person in. Its address, if it names one, is the account's.
	Invited bool
	Address string

	browser    string
	sealed     []byte
	invitation []byte // sealed
}

// Callback is the answer of the upstream that it came with.
func (k PendingIdentity) Callback() Callback {
	return Callback{Identity: k.Identity, LoginRequest: LoginRequest{
		Upstream: k.Upstream, Purpose: ToSignIn, Interaction: k.Interaction, Remember: k.Remember, Browser: k.browser,
	}}
}

// pendingRow is the data of the ticket of a PendingIdentity. Its names are stored.
type pendingRow struct {
	Upstream     string `json:"upstream"`
	Interaction  string `json:"errand,omitempty"`
	Remember     bool   `json:"remember,omitempty"`
	UserID       string `json:"user,omitempty"`
	EmailTrusted bool   `json:"proven,omitempty"`
	Provider     string `json:"provider,omitempty"` // where it was proven; "": by an earlier release
	Identity     []byte `json:"identity"`           // sealed
	// Of an invitation.
	Address    string `json:"address,omitempty"`
	Invitation []byte `json:"invitation,omitempty"` // sealed
}

// ParkIdentity decides what may be done with an identity that is linked to no account, and stores it for the browser meanwhile: its
// address is somebody's here (PendingIdentity.UserID), who has to sign in first; or an account may be made. ErrNoAccount,
// users.ErrClosed, users.ErrDomain.
func (s *Service) ParkIdentity(ctx context.Context, a Callback) (PendingIdentity, error) {
	u, err := s.find(a.Upstream)
	if err != nil {
		return PendingIdentity{}, err
	}
	k := PendingIdentity{
		Upstream: a.Upstream, Interaction: a.Interaction, Remember: a.Remember, browser: a.Browser,
		EmailTrusted: u.trusts(a.Identity), Identity: a.Identity,
	}
	if k.EmailTrusted {
		owner, err := s.People.ByAddress(ctx, a.Identity.Email)
		switch {
		case err == nil:
			k.UserID = owner.ID
		case errors.Is(err, users.ErrEmail): // not an address that we take
			k.EmailTrusted = false
		case !errors.Is(err, users.ErrNotFound):
			return PendingIdentity{}, err
		}
	}
	if k.UserID == "" {
		if err := s.invite(ctx, &k, a.Invitation); err != nil {
			return PendingIdentity{}, err
		}
		switch {
		case u.NewAccounts == AccountsNever:
			return PendingIdentity{}, ErrNoAccount
		case u.NewAccounts != AccountsAlways && s.Signup.SignupClosed() && !k.Invited:
			return PendingIdentity{}, users.ErrClosed
		case k.EmailTrusted && k.Address == "" && !s.Signup.Allowed(a.Identity.Email):
			return PendingIdentity{}, users.ErrDomain
		}
	}
	return s.park(ctx, k)
}

// invite notes the invitation that somebody came with. One that is no longer valid is left out.
func (s *Service) invite(ctx context.Context, k *PendingIdentity, secret string) error {
	if secret == "" {
		return nil
	}
	i, err := s.Signup.LookInvitation(ctx, secret)
	if errors.Is(err, users.ErrGone) || errors.Is(err, users.ErrClosed) {
		return nil
	}
	if err != nil {
		return err
	}
	k.Invited, k.Address = true, i.Email
	k.invitation, err = s.sealInvitation(secret, k.browser)
	return err
}

func (s *Service) park(ctx context.Context, k PendingIdentity) (PendingIdentity, error) {
	u, err := s.find(k.Upstream)
	if err != nil {
		return k, err
	}
	raw, err := json.Marshal(k.Identity)
	if err != nil {
		return k, fmt.Errorf("store pending identity: %w", err)
	}
	if k.sealed, err = s.Sealer.Seal(raw, s.Place("tickets", k.browser, "identity")); err != nil {
		return k, fmt.Errorf("store pending identity: %w", err)
	}
	life := pendingLife
	if k.UserID != "" {
		life = pendingFresh
	}
	k.ID, _, err = s.Tickets.Issue(ctx, ticket.Order{Purpose: purposePending, Owner: k.browser, Lifetime: life, Only: true, Data: pendingRow{
		Upstream: k.Upstream, Interaction: k.Interaction, Remember: k.Remember, UserID: k.UserID, EmailTrusted: k.EmailTrusted,
		Identity: k.sealed, Address: k.Address, Invitation: k.invitation, Provider: u.where(),
	}})
	return k, err
}

// Pending reads one of this browser's without using it up. ErrExpired.
func (s *Service) Pending(ctx context.Context, id, browser string) (PendingIdentity, error) {
	if browser == "" || id == "" {
		return PendingIdentity{}, ErrExpired
	}
	list, err := s.Tickets.Of(ctx, purposePending, browser)
	if err != nil {
		return PendingIdentity{}, fmt.Errorf("read identity: %w", err)
	}
	at := slices.IndexFunc(list, func(t storage.Ticket) bool { return t.ID == id })
	if at < 0 {
		return PendingIdentity{}, ErrExpired
	}
	var data pendingRow
	if err := ticket.Read(list[at], &data); err != nil {
		return PendingIdentity{}, err
	}
	k := PendingIdentity{
		ID: id, Upstream: data.Upstream, Interaction: data.Interaction, Remember: data.Remember, UserID: data.UserID,
		EmailTrusted: data.EmailTrusted, Invited: len(data.Invitation) > 0, Address: data.Address,
		browser: browser, sealed: data.Identity, invitation: data.Invitation,
	}
	u, err := s.find(k.Upstream)
	if err != nil || data.Provider != "" && data.Provider != u.where() { // its id is another provider's now
		return PendingIdentity{}, ErrExpired
	}
	k.Identity, err = s.openIdentity(k.sealed, browser)
	return k, err
}

// PendingOwner is whose account an identity may be linked to that waits in a browser; "" = nobody's, or there is none.
func (s *Service) PendingOwner(ctx context.Context, id, browser string) (userID string, err error) {
	k, err := s.Pending(ctx, id, browser)
	if errors.Is(err, ErrExpired) {
		return "", nil
	}
	return k.UserID, err
}

func (s *Service) openIdentity(sealed []byte, browser string) (i provider.Identity, err error) {
	raw, err := s.Sealer.Open(sealed, s.Place("tickets", browser, "identity"))
	if err == nil {
		err = json.Unmarshal(raw, &i)
	}
	if err != nil {
		return i, fmt.Errorf("read identity: %w", err)
	}
	return i, nil
}

// Discard forgets a pending identity; done twice is done.
func (s *Service) Discard(ctx context.Context, k PendingIdentity) error {
	err := s.Tickets.Cancel(ctx, purposePending, k.ID)
	if errors.Is(err, ticket.ErrGone) {
		return nil
	}
	return err
}

// spend uses a pending identity up, in the transaction of ctx. ErrExpired.
func (s *Service) spend(ctx context.Context, k PendingIdentity) error {
	err := s.Tickets.Cancel(ctx, purposePending, k.ID)
	if errors.Is(err, ticket.ErrGone) {
		return ErrExpired
	}
	return err
}

// LinkPending links a pending identity to the account that its address belongs to, whose person signed in to it a moment ago and
// says so. ErrNotFound: it is another person's; else as Link, and ErrExpired.
func (s *Service) LinkPending(ctx context.Context, permit factor.Permit, who storage.User, k PendingIdentity) error {
	if k.UserID != who.ID {
		return ErrNotFound
	}
	return s.Stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.Ways.Check(ctx, permit, who.ID, factor.LinkLogin); err != nil { // the person before the ticket, as all lock them
			return err
		}
		if err := s.spend(ctx, k); err != nil {
			return err
		}
		return s.Link(ctx, permit, who, k.Callback())
	})
}
