// Package proposals are acts that an administrator's MCP client asks for and the person carries out: nothing is done before they confirmed
// it on their own page. What a proposal says is shown there from what is stored, never from what the client tells. Begin with Service.Make.
package proposals

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/admin"
	"signet/audit"
	"signet/clients"
	"signet/storage"
	"signet/users/factor"
)

// Act is one that can be proposed.
type Act string

// The acts.
const (
	DisablePerson Act = "disable_person"
	EnablePerson  Act = "enable_person"
	EndSessions   Act = "end_sessions"
	DisableApp    Act = "disable_app"
	EnableApp     Act = "enable_app"
)

// Acts lists them.
func Acts() []Act { return []Act{DisablePerson, EnablePerson, EndSessions, DisableApp, EnableApp} }

// OfApp reports whether the act is on an app, not on a person.
func (a Act) OfApp() bool { return a == DisableApp || a == EnableApp }

// Ends reports whether it takes something from somebody.
func (a Act) Ends() bool { return a != EnablePerson && a != EnableApp }

// needs is the permission that the act demands.
func (a Act) needs() admin.Permission {
	switch a {
	case EndSessions:
		return admin.SessionsRevoke
	case DisableApp, EnableApp:
		return admin.ClientsWrite
	}
	return admin.PeopleWrite
}

// Proposal is an act that waits for its person, or what became of it.
type Proposal struct {
	ID         string    `json:"id"`
	Act        Act       `json:"act"`
	Target     string    `json:"target_id"` // id of a person or an app
	Name       string    `json:"target_name"`
	ClientID   string    `json:"client_id"` // which client asks
	ClientName string    `json:"-"`         // … and what it calls itself
	State      string    `json:"status"`    // "pending", "approved", "denied" or "expired"
	MadeAt     time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// stored is what the row has of it as JSON. It is never changed: what is shown is what is carried out.
type stored struct {
	Act    Act    `json:"act"`
	Target string `json:"target"`
	Name   string `json:"name"`
	Was    string `json:"was"` // the target when it was proposed, as a hash
	Client string `json:"client"`
	Asked  string `json:"asked"` // the client when it asked, as a hash
}

const (
	kind      = "proposal"
	life      = 15 * time.Minute
	kept      = time.Hour // what became of one is told so long
	share     = 10        // that may wait for one person
	perClient = 5         // … of one client
	refusals  = 3         // … in the time that they are kept, after which that client proposes nothing to that person until one is past
)

// Errors of Make.
var (
	// ErrTooMany: as many wait as may for one person, or of one client.
	ErrTooMany = errors.New("too many acts wait to be confirmed")
	// ErrRefusedOften: the person has refused as many of the client's proposals in the last hour as is enough.
	ErrRefusedOften = errors.New("the person has refused three proposals of this app in the last hour")
	errChanged      = fmt.Errorf("%w: what it is about has changed since it was proposed", admin.ErrConflict)
	errUnknown      = fmt.Errorf("%w: this act is decided already, too old, or somebody else's", admin.ErrNotFound)
)

// Store is the part of *storage.DB that it uses.
type Store interface {
	InsertWaiting(ctx context.Context, w storage.Waiting, share int) error
	WaitingOf(ctx context.Context, kind, owner string, now time.Time) ([]storage.Waiting, error)
	WaitingDenied(ctx context.Context, kind, owner, clientID string, now time.Time) (int, error)
	PollWaiting(ctx context.Context, kind, idHash, clientID string, now time.Time) (storage.Waiting, error)
	DecideWaiting(ctx context.Context, idHash, userID string, approved bool, until, now time.Time) error
}

// Turns let what is done for one person be done one after another, over replicas; *storage.DB.
type Turns interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	LockUser(ctx context.Context, id string, epoch int64) (storage.User, error)
}

// Clients finds the client that asks as the database has it now; *clients.Registry.
type Clients interface {
	Current(ctx context.Context, id string) (*clients.Client, error)
}

// Options of New; all are required.
type Options struct {
	Store   Store
	Turns   Turns
	Acts    *admin.Service
	Clients Clients
	Audit   *audit.Log
}

// Service makes proposals and carries them out.
type Service struct{ o Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Turns == nil || o.Acts == nil || o.Clients == nil || o.Audit == nil {
		return nil, errors.New("admin/proposals: a store, turns, acts, clients and the audit log are required")
	}
	return &Service{o}, nil
}

// Make writes down what a client asks of the person for whom it acts. Nothing is done by it. The target is a person's id, address or user
// name, or an app's id. What the same client asks again while it waits is the proposal that there is.
func (s *Service) Make(ctx context.Context, a admin.Actor, clientID string, act Act, target string) (p Proposal, err error) {
	if !slices.Contains(Acts(), act) {
		return p, &admin.Invalid{Fields: []admin.Field{{Name: "act", Text: "there is no such act"}}}
	}
	if a.Kind != admin.KindPerson || !a.Holds[act.needs()] {
		return p, &admin.Refused{Act: string(act), Missing: []admin.Permission{act.needs()}}
	}
	what, err := s.look(ctx, a, act, target)
	if err != nil {
		return p, err
	}
	c, err := s.asking(ctx, clientID)
	if err != nil {
		return p, err
	}
	what.Client, what.Asked = c.ClientName, hashed(c.Metadata)
	raw, err := json.Marshal(what)
	if err != nil {
		return p, fmt.Errorf("write a proposal: %w", err)
	}
	ctx = by(ctx, a)
	err = s.o.Turns.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.o.Turns.LockUser(ctx, a.ID, factor.AnyEpoch); err != nil { // so that the bounds are exact
			return fmt.Errorf("lock person: %w", err)
		}
		now := time.Now()
		w := storage.Waiting{IDHash: rand.Text(), Kind: kind, ClientID: clientID, Owner: a.ID, Request: raw, State: "pending",
			CreatedAt: now, ExpiresAt: now.Add(life)}
		same, err := s.sameOf(ctx, w, what)
		if err != nil {
			return err
		}
		if same != nil {
			p, err = of(*same, now)
			return err
		}
		if err := s.o.Store.InsertWaiting(ctx, w, share); errors.Is(err, storage.ErrTooMany) {
			return ErrTooMany
		} else if err != nil {
			return fmt.Errorf("write a proposal: %w", err)
		}
		if p, err = of(w, now); err != nil {
			return err
		}
		return s.record(ctx, audit.ProposalMade, w, what)
	})
	return p, err
}

// sameOf finds what the client has asked of the person already, in the same words; ErrTooMany, ErrRefusedOften where it may ask for no
// more.
func (s *Service) sameOf(ctx context.Context, w storage.Waiting, what stored) (*storage.Waiting, error) {
	denied, err := s.o.Store.WaitingDenied(ctx, kind, w.Owner, w.ClientID, w.CreatedAt)
	if err != nil {
		return nil, fmt.Errorf("count what was refused: %w", err)
	}
	if denied >= refusals {
		return nil, ErrRefusedOften
	}
	rows, err := s.o.Store.WaitingOf(ctx, kind, w.Owner, w.CreatedAt)
	if err != nil {
		return nil, fmt.Errorf("list proposals: %w", err)
	}
	n := 0
	for _, row := range rows {
		if row.ClientID != w.ClientID {
			continue
		}
		n++
		var there stored
		if err := json.Unmarshal(row.Request, &there); err != nil {
			return nil, fmt.Errorf("read a proposal: %w", err)
		}
		if there == what {
			return &row, nil
		}
	}
	if n >= perClient {
		return nil, ErrTooMany
	}
	return nil, nil
}

// look reads the target as it is now; ErrConflict where the act would do nothing.
func (s *Service) look(ctx context.Context, a admin.Actor, act Act, target string) (what stored, err error) {
	what.Act = act
	disabled := false
	if act.OfApp() {
		if _, err := s.o.Acts.Client(ctx, a, target); err != nil {
			return what, err
		}
		c, err := s.o.Clients.Current(ctx, target) // what another replica has just written is in it
		if errors.Is(err, clients.ErrUnknown) {
			return what, fmt.Errorf("client: %w", admin.ErrNotFound)
		}
		if err != nil {
			return what, err
		}
		if c.Declared {
			return what, fmt.Errorf("%w: the app is in the configuration: it is disabled and enabled there", admin.ErrConflict)
		}
		what.Target, what.Name, what.Was, disabled = c.ClientID, c.ClientName, hashed(c.Metadata), !c.Enabled()
	} else {
		p, err := s.o.Acts.Person(ctx, a, target)
		if err != nil {
			return what, err
		}
		what.Target, what.Name, what.Was, disabled = p.ID, cmp.Or(p.Email, p.Username), ofPerson(p), p.Disabled
	}
	switch {
	case disabled && (act == DisablePerson || act == DisableApp):
		return what, fmt.Errorf("%w: it is disabled already", admin.ErrConflict)
	case !disabled && (act == EnablePerson || act == EnableApp):
		return what, fmt.Errorf("%w: it is not disabled", admin.ErrConflict)
	}
	return what, nil
}

// ofPerson is who somebody is, and what they hold, as a hash.
func ofPerson(p admin.Person) string {
	return hashed([]any{p.ID, p.Email, p.Username, slices.Sorted(slices.Values(p.Groups)), slices.Sorted(slices.Values(p.Roles))})
}

// hashed is what it is compared by.
func hashed(what any) string {
	if m, ok := what.(clients.Metadata); ok {
		m.ClientSecret = ""
		what = m
	}
	raw, err := json.Marshal(what)
	if err != nil {
		panic(err) // text and lists of it
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// asking is the client that asks, if it may.
func (s *Service) asking(ctx context.Context, id string) (*clients.Client, error) {
	c, err := s.o.Clients.Current(ctx, id)
	if errors.Is(err, clients.ErrUnknown) || err == nil && (!c.AdminTools || !c.Enabled()) {
		return nil, fmt.Errorf("%w: the app that asks for it may not any more", admin.ErrConflict)
	}
	return c, err
}

// by makes the events of a context the actor's.
func by(ctx context.Context, a admin.Actor) context.Context {
	origin := audit.OriginOf(ctx)
	origin.Actor, origin.Kind = a.ID, string(a.Kind)
	return audit.WithOrigin(ctx, origin)
}

func (s *Service) record(ctx context.Context, name audit.Name, w storage.Waiting, what stored) error {
	return s.o.Audit.Record(ctx, audit.Event{Name: name, ClientID: w.ClientID,
		Detail: map[string]any{"proposal": w.IDHash, "act": what.Act, "target": what.Target}})
}

// of reads a row.
func of(w storage.Waiting, now time.Time) (Proposal, error) {
	var what stored
	if err := json.Unmarshal(w.Request, &what); err != nil {
		return Proposal{}, fmt.Errorf("read a proposal: %w", err)
	}
	p := Proposal{ID: w.IDHash, Act: what.Act, Target: what.Target, Name: what.Name, ClientID: w.ClientID, ClientName: what.Client,
		State: w.State, MadeAt: w.CreatedAt.UTC(), ExpiresAt: w.ExpiresAt.UTC()}
	if p.State == "pending" && !now.Before(w.ExpiresAt) {
		p.State = "expired"
	}
	return p, nil
}

// State tells a client what became of what it asked for, for an hour.
func (s *Service) State(ctx context.Context, a admin.Actor, clientID, id string) (Proposal, error) {
	now := time.Now()
	w, err := s.o.Store.PollWaiting(ctx, kind, id, clientID, now)
	if errors.Is(err, storage.ErrNotFound) || err == nil && w.Owner != a.ID {
		return Proposal{}, errUnknown
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("read a proposal: %w", err)
	}
	return of(w, now)
}

// Waiting lists what waits for a person, the oldest first.
func (s *Service) Waiting(ctx context.Context, userID string) ([]Proposal, error) {
	now := time.Now()
	rows, err := s.o.Store.WaitingOf(ctx, kind, userID, now)
	if err != nil {
		return nil, fmt.Errorf("list proposals: %w", err)
	}
	var list []Proposal
	for _, w := range rows {
		p, err := of(w, now)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// find is one that waits for a person.
func (s *Service) find(ctx context.Context, userID, id string) (storage.Waiting, stored, error) {
	var what stored
	rows, err := s.o.Store.WaitingOf(ctx, kind, userID, time.Now())
	if err != nil {
		return storage.Waiting{}, what, fmt.Errorf("read a proposal: %w", err)
	}
	i := slices.IndexFunc(rows, func(w storage.Waiting) bool { return w.IDHash == id })
	if i < 0 {
		return storage.Waiting{}, what, errUnknown
	}
	if err := json.Unmarshal(rows[i].Request, &what); err != nil {
		return rows[i], what, fmt.Errorf("read a proposal: %w", err)
	}
	return rows[i], what, nil
}

// decide takes the one decision that there is for a proposal.
func (s *Service) decide(ctx context.Context, a admin.Actor, id string, approved bool) error {
	now := time.Now()
	err := s.o.Store.DecideWaiting(ctx, id, a.ID, approved, now.Add(kept), now)
	if errors.Is(err, storage.ErrStale) {
		return errUnknown
	}
	return err
}

// Confirm carries one out, for the person whom it waits for, with what they may do at this moment. It is carried out once, in one
// transaction with the decision: where the act is refused, the proposal waits on. So it is where the target, or the app that asks, is not
// any more what it was when it was proposed, and so what the person was shown.
func (s *Service) Confirm(ctx context.Context, a admin.Actor, id string) error {
	ctx = by(ctx, a)
	var no *admin.Refused
	err := s.o.Turns.Tx(ctx, func(ctx context.Context) error {
		w, what, err := s.find(ctx, a.ID, id)
		if err != nil {
			return err
		}
		if err := s.decide(ctx, a, id, true); err != nil {
			return err
		}
		c, err := s.asking(ctx, w.ClientID)
		if err != nil {
			return err
		}
		if hashed(c.Metadata) != what.Asked {
			return fmt.Errorf("%w: the app that asks for it has changed since", admin.ErrConflict)
		}
		if err := s.record(ctx, audit.ProposalConfirmed, w, what); err != nil {
			return err
		}
		return s.carryOut(ctx, a, what)
	})
	if errors.As(err, &no) { // what the act wrote down of it went with the transaction
		detail := map[string]any{"act": no.Act, "missing": no.Missing, "proposal": id}
		return errors.Join(err, s.o.Audit.Record(ctx,
			audit.Event{Name: audit.AdminRefused, UserID: no.UserID, ClientID: no.ClientID, Detail: detail}))
	}
	return err
}

// carryOut does it. The act takes its turn with all that changes its target, so that who it was is compared after it: nobody changes it
// from then on until all is written, or nothing.
func (s *Service) carryOut(ctx context.Context, a admin.Actor, what stored) error {
	if now, err := s.look(ctx, a, what.Act, what.Target); err != nil {
		return err
	} else if now.Was != what.Was {
		return errChanged
	}
	var err error
	switch what.Act {
	case DisablePerson, EnablePerson:
		_, err = s.o.Acts.SetDisabled(ctx, a, what.Target, what.Act == DisablePerson)
	case EndSessions:
		_, err = s.o.Acts.EndSessions(ctx, a, what.Target)
	case DisableApp, EnableApp:
		err = s.o.Acts.SetClientDisabled(ctx, a, what.Target, what.Act == DisableApp)
	default: // of a release that knew more
		err = fmt.Errorf("%w: this release does not know the act", admin.ErrConflict)
	}
	if err != nil {
		return err
	}
	was := ""
	if what.Act.OfApp() {
		c, err := s.o.Clients.Current(ctx, what.Target)
		if err != nil {
			return err
		}
		was = hashed(c.Metadata)
	} else {
		p, err := s.o.Acts.Person(ctx, a, what.Target)
		if err != nil {
			return err
		}
		was = ofPerson(p)
	}
	if was != what.Was {
		return errChanged
	}
	return nil
}

// Deny refuses one.
func (s *Service) Deny(ctx context.Context, a admin.Actor, id string) error {
	ctx = by(ctx, a)
	return s.o.Turns.Tx(ctx, func(ctx context.Context) error {
		w, what, err := s.find(ctx, a.ID, id)
		if err != nil {
			return err
		}
		if err := s.decide(ctx, a, id, false); err != nil {
			return err
		}
		return s.record(ctx, audit.ProposalDenied, w, what)
	})
}
