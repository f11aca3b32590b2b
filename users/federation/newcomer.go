package federation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/storage"
	"signet/users"
	"signet/users/ticket"
)

// ErrNoAccount: the identity is nobody's here, and its upstream makes no new accounts.
var ErrNoAccount = errors.New("no account is linked to this identity")

const (
	purposeKept ticket.Purpose = "federation identity"
	keptLife                   = 30 * time.Minute
	// keptFresh is how old a sign-in at the upstream may be that is linked to an account that is there (security notes N04): people
	// look for their password.
	keptFresh = 15 * time.Minute
)

// Kept is an identity that is nobody's here yet, while its person decides in the same browser.
type Kept struct {
	ID       string // public; good in that browser only
	Upstream string
	Errand   string
	Remember bool
	// UserID is whose account its address belongs to: that person may link it, once they have signed in to it. "" = nobody's.
	UserID   string
	Proven   bool // the address needs no proof of ours
	Identity Identity
	// Invited: an invitation lets the person in. Its address, if it names one, is the account's.
	Invited bool
	Address string

	browser    string
	sealed     []byte
	invitation []byte // sealed
}

// Arrival is how it came.
func (k Kept) Arrival() Arrival {
	return Arrival{Start: Start{Upstream: k.Upstream, Purpose: ToSignIn, Errand: k.Errand, Remember: k.Remember, Browser: k.browser}, Identity: k.Identity}
}

// kept is the ticket's data; the identity is sealed.
type kept struct {
	Upstream string `json:"upstream"`
	Errand   string `json:"errand,omitempty"`
	Remember bool   `json:"remember,omitempty"`
	UserID   string `json:"user,omitempty"`
	Proven   bool   `json:"proven,omitempty"`
	Identity []byte `json:"identity"`
	// Of an invitation.
	Address    string `json:"address,omitempty"`
	Invitation []byte `json:"invitation,omitempty"`
}

// Newcomer decides what may be done with an identity that is nobody's, and keeps it for the browser meanwhile: its address is
// somebody's here (Kept.UserID), who has to sign in first; or an account may be made. ErrNoAccount, users.ErrClosed,
// users.ErrDomain.
func (s *Service) Newcomer(ctx context.Context, a Arrival) (Kept, error) {
	u, err := s.find(a.Upstream)
	if err != nil {
		return Kept{}, err
	}
	k := Kept{
		Upstream: a.Upstream, Errand: a.Errand, Remember: a.Remember, Proven: u.trusts(a.Identity), Identity: a.Identity, browser: a.Browser,
	}
	if k.Proven {
		owner, err := s.People.ByAddress(ctx, a.Identity.Email)
		switch {
		case err == nil:
			k.UserID = owner.ID
		case errors.Is(err, users.ErrEmail): // no address that we take
			k.Proven = false
		case !errors.Is(err, users.ErrNotFound):
			return Kept{}, err
		}
	}
	if k.UserID == "" {
		if err := s.invite(ctx, &k, a.Invitation); err != nil {
			return Kept{}, err
		}
		switch {
		case u.NewAccounts == AccountsNever:
			return Kept{}, ErrNoAccount
		case u.NewAccounts != AccountsAlways && s.People.SignupClosed() && !k.Invited:
			return Kept{}, users.ErrClosed
		case k.Proven && k.Address == "" && !s.People.Allowed(a.Identity.Email):
			return Kept{}, users.ErrDomain
		}
	}
	return s.keep(ctx, k)
}

// invite notes the invitation that a newcomer came with. One that is good no more is none.
func (s *Service) invite(ctx context.Context, k *Kept, secret string) error {
	if secret == "" {
		return nil
	}
	i, err := s.People.LookInvitation(ctx, secret)
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

func (s *Service) keep(ctx context.Context, k Kept) (Kept, error) {
	raw, err := json.Marshal(k.Identity)
	if err != nil {
		return k, fmt.Errorf("keep identity: %w", err)
	}
	if k.sealed, err = s.Sealer.Seal(raw, s.Place("tickets", k.browser, "identity")); err != nil {
		return k, fmt.Errorf("keep identity: %w", err)
	}
	life := keptLife
	if k.UserID != "" {
		life = keptFresh
	}
	k.ID, _, err = s.Tickets.Issue(ctx, ticket.Order{Purpose: purposeKept, Owner: k.browser, Lifetime: life, Only: true, Data: kept{
		k.Upstream, k.Errand, k.Remember, k.UserID, k.Proven, k.sealed, k.Address, k.invitation,
	}})
	return k, err
}

// Kept reads one of this browser's without using it up. ErrExpired.
func (s *Service) Kept(ctx context.Context, id, browser string) (Kept, error) {
	if browser == "" || id == "" {
		return Kept{}, ErrExpired
	}
	list, err := s.Tickets.Of(ctx, purposeKept, browser)
	if err != nil {
		return Kept{}, fmt.Errorf("read identity: %w", err)
	}
	at := slices.IndexFunc(list, func(t storage.Ticket) bool { return t.ID == id })
	if at < 0 {
		return Kept{}, ErrExpired
	}
	var data kept
	if err := ticket.Read(list[at], &data); err != nil {
		return Kept{}, err
	}
	k := Kept{
		ID: id, Upstream: data.Upstream, Errand: data.Errand, Remember: data.Remember, UserID: data.UserID, Proven: data.Proven,
		Invited: len(data.Invitation) > 0, Address: data.Address, browser: browser, sealed: data.Identity, invitation: data.Invitation,
	}
	if _, err := s.find(k.Upstream); err != nil {
		return Kept{}, ErrExpired
	}
	k.Identity, err = s.openIdentity(k.sealed, browser)
	return k, err
}

func (s *Service) openIdentity(sealed []byte, browser string) (i Identity, err error) {
	raw, err := s.Sealer.Open(sealed, s.Place("tickets", browser, "identity"))
	if err == nil {
		err = json.Unmarshal(raw, &i)
	}
	if err != nil {
		return i, fmt.Errorf("read identity: %w", err)
	}
	return i, nil
}

// Discard forgets a kept identity; done twice is done.
func (s *Service) Discard(ctx context.Context, k Kept) error {
	err := s.Tickets.Cancel(ctx, purposeKept, k.ID)
	if errors.Is(err, ticket.ErrGone) {
		return nil
	}
	return err
}

// spend uses a kept identity up, in the transaction of ctx. ErrExpired.
func (s *Service) spend(ctx context.Context, k Kept) error {
	err := s.Tickets.Cancel(ctx, purposeKept, k.ID)
	if errors.Is(err, ticket.ErrGone) {
		return ErrExpired
	}
	return err
}

// LinkKept links a kept identity to the account that its address belongs to, whose person signed in to it a moment ago and
// says so. ErrNotFound: it is another person's; else as Link, and ErrExpired.
func (s *Service) LinkKept(ctx context.Context, who storage.User, k Kept) error {
	if k.UserID != who.ID {
		return ErrNotFound
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.spend(ctx, k); err != nil {
			return err
		}
		return s.Link(ctx, who, k.Arrival())
	})
}

// maxName is how much of a name the form begins with, in code points.
const maxName = 100

// Suggest is what the form for a new account begins with.
func (s *Service) Suggest(k Kept) (name, email string) {
	name = cmp.Or(k.Identity.Text("name"), k.Identity.Text("given_name")+" "+k.Identity.Text("family_name"))
	runes := []rune(strings.TrimSpace(strings.ToValidUTF8(name, "")))
	return string(runes[:min(maxName, len(runes))]), cmp.Or(k.Address, strings.ToValidUTF8(k.Identity.Email, ""))
}

// Join makes an account for a kept identity, of what was typed. Who is invited joins by the invitation. An address that the
// upstream does not answer for is verified by email first: then mailed is true, and the account is made by Prove. Where there is
// no mail, it stays unverified. Errors as of users.Service.CreateAccount and RequestAccount; ErrExpired, ErrTaken.
func (s *Service) Join(ctx context.Context, k Kept, r users.Registration) (who storage.User, mailed bool, err error) {
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
	if k.Proven {
		r.Email, r.Verification = k.Identity.Email, users.VerifiedByUpstream()
	} else if !k.Invited && s.People.MailOn() {
		if r.Carried, err = json.Marshal(carried{k.Upstream, k.Remember, k.sealed}); err != nil {
			return who, false, err
		}
		return who, true, s.People.RequestAccount(ctx, r, k.browser, k.Errand)
	}
	id := newID()
	r.Method = users.WithCredential(id, func(ctx context.Context) error {
		if err := s.spend(ctx, k); err != nil {
			return err
		}
		return s.attach(ctx, u, id, k.Identity)
	})
	who, err = s.People.CreateAccount(ctx, r)
	return who, false, err
}

// voucher is on whose word a kept identity gets an account.
func (s *Service) voucher(u *upstream, k Kept) (users.Voucher, error) {
	switch {
	case k.Invited:
		secret, err := s.openInvitation(k.invitation, k.browser)
		return users.VouchedByInvitation(secret), err
	case u.NewAccounts == AccountsAlways:
		return users.VouchedByUpstream(), nil
	}
	return users.Voucher{}, nil
}

// carried is what a sign-up that waits for its address to be proven has with it.
type carried struct {
	Upstream string `json:"upstream"`
	Remember bool   `json:"remember,omitempty"`
	Identity []byte `json:"identity"`
}

// Prove makes the account of a sign-up's link that was asked for by a newcomer, in the browser that asked: in another one the
// identity is not attached, because whoever opens the link there may be somebody else (security notes D03, D04). The Arrival
// tells how its person signed in. ErrExpired: it is none of this browser's; users.ErrGone, users.ErrClosed, ErrTaken.
func (s *Service) Prove(ctx context.Context, secret string, p users.Pending, browser string) (storage.User, Arrival, error) {
	var c carried
	if browser == "" || p.Browser != browser || json.Unmarshal(p.Carried, &c) != nil {
		return storage.User{}, Arrival{}, ErrExpired
	}
	u, err := s.find(c.Upstream)
	if err != nil {
		return storage.User{}, Arrival{}, ErrExpired
	}
	if u.NewAccounts == AccountsNever { // D12: the rules of today
		return storage.User{}, Arrival{}, users.ErrClosed
	}
	a := Arrival{Start: Start{Upstream: c.Upstream, Purpose: ToSignIn, Errand: p.Errand, Remember: c.Remember, Browser: browser}}
	if a.Identity, err = s.openIdentity(c.Identity, browser); err != nil {
		return storage.User{}, a, ErrExpired
	}
	id := newID()
	who, err := s.People.CreateAccount(ctx, users.Registration{
		Verification: users.VerifiedByLink(secret, browser),
		Method:       users.WithCredential(id, func(ctx context.Context) error { return s.attach(ctx, u, id, a.Identity) }),
	})
	return who, a, err
}
