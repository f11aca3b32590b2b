package importer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/metadata"
)

// Record is a person of another product.
type Record struct {
	Line   int                // of the file, for messages
	Sub    string             // kept as the id, and so as the sub claim; "" = a new one
	Person users.Registration // what was typed
	// Hash is the password's as the other product stored it (password.Imported); "" = no password.
	Hash          string
	EmailVerified bool
	CreatedAt     time.Time // zero = now
	Disabled      bool
	Groups        []string
	Metadata      json.RawMessage // merged into what administrators keep about them
}

// OnConflict says what to do with a person who exists already.
type OnConflict string

// What to do. Where the same address has another sub, nothing is ever written.
const (
	SkipExisting   OnConflict = "skip"
	UpdateExisting OnConflict = "update" // address, user name and claims; never the password, which may be newer here
	FailOnExisting OnConflict = "fail"
)

// What became of a record.
const (
	Created   = "created"
	Updated   = "updated"
	Unchanged = "unchanged" // the person exists and is left alone
	Refused   = "refused"   // Outcome.Err says why
)

// Outcome of one record.
type Outcome struct {
	Line   int
	Sub    string
	Result string
	Err    error // users.Mistakes
}

// Store is the part of *storage.DB by which an Importer writes.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	ImportUser(ctx context.Context, u storage.User) error
	UpdateUser(ctx context.Context, old, u storage.User) error
}

// Finder is the part of *storage.DB by which it finds people who exist.
type Finder interface {
	UserByID(ctx context.Context, id string) (storage.User, error)
	UserByKey(ctx context.Context, emailKey, usernameKey string) (storage.User, error)
}

// People is the part of *users.Service that an Importer uses.
type People interface {
	CheckPerson(r users.Registration) (storage.User, users.Mistakes)
}

// Groups are those that people of the file can be put into.
type Groups interface {
	Exists(ctx context.Context, group string) (bool, error)
	Add(ctx context.Context, group, userID string) error
}

// Metadata is the part of metadata.Service that an Importer uses.
type Metadata interface {
	Fits(ctx context.Context, userID string, change json.RawMessage) error
	Merge(ctx context.Context, userID string, change json.RawMessage) error
}

// Rules are how people are imported.
type Rules struct {
	OnConflict OnConflict // "" = SkipExisting
	// KeepAddress: whoever exists keeps their address as it is, for to change one is to choose where a lost password is reset.
	KeepAddress bool
	DryRun      bool // check all, write nothing
}

// Options of New.
type Options struct {
	Store  Store
	Finder Finder
	Ways   *factor.Ways
	Audit  *audit.Log
	People People
	Groups Groups
	// Metadata keeps what the file says of it; nil = a line that says something is refused.
	Metadata Metadata
	// Reserved reports whether a sub is taken by something other than a person: the ids of clients. Nil = none is.
	Reserved func(ctx context.Context, sub string) (bool, error)
	Rules
	// May finds what of a record may not be written, in the transaction that writes it; existing is nil for somebody new. Nil = nothing.
	May func(ctx context.Context, r Record, existing *storage.User) (users.Mistakes, error)
}

// Importer is one import. It is not safe for concurrent use.
type Importer struct {
	Options
	seen map[string]int // keys of people in the file, with their line
}

// New checks the options.
func New(o Options) (*Importer, error) {
	if o.Store == nil || o.Finder == nil || o.Ways == nil || o.Audit == nil || o.People == nil || o.Groups == nil {
		return nil, errors.New("an import needs a store, a finder, ways to sign in, an audit log, people and groups")
	}
	switch o.OnConflict {
	case "":
		o.OnConflict = SkipExisting
	case SkipExisting, UpdateExisting, FailOnExisting:
	default:
		return nil, fmt.Errorf("on conflict: %q is none of %s, %s, %s", o.OnConflict, SkipExisting, UpdateExisting, FailOnExisting)
	}
	if o.Reserved == nil {
		o.Reserved = func(context.Context, string) (bool, error) { return false, nil }
	}
	return &Importer{Options: o, seen: map[string]int{}}, nil
}

// Batch imports some people in one transaction: all of them but the refused, or (an error) none. Mistakes are outcomes.
func (i *Importer) Batch(ctx context.Context, list []Record) ([]Outcome, error) {
	outcomes := make([]Outcome, len(list))
	ready := make([]*checked, len(list))
	for at, r := range list {
		c, mistakes, err := i.check(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.Line, err)
		}
		outcomes[at] = Outcome{Line: r.Line, Sub: r.Sub}
		if len(mistakes) > 0 {
			outcomes[at].Result, outcomes[at].Err = Refused, mend(mistakes)
			continue
		}
		ready[at] = &c
	}
	all := func(ctx context.Context) error {
		for at, c := range ready {
			if c == nil {
				continue
			}
			o, err := i.write(ctx, *c)
			for tries := 1; tries < writeTries && errors.Is(err, storage.ErrStale); tries++ {
				o, err = i.write(ctx, *c)
			}
			if err != nil {
				return fmt.Errorf("line %d: %w", c.Line, err)
			}
			outcomes[at] = o
		}
		return nil
	}
	err := i.Store.Tx(ctx, all)
	for tries := 1; tries < writeTries && errors.Is(err, storage.ErrConflict); tries++ {
		err = i.Store.Tx(ctx, all) // somebody registered in between, who exists now
	}
	return outcomes, err
}

// writeTries is how often people are written anew because somebody else wrote at the same time.
const writeTries = 10

// write imports one, in the transaction of ctx.
func (i *Importer) write(ctx context.Context, c checked) (Outcome, error) {
	o := Outcome{Line: c.Line, Sub: c.user.ID}
	existing, mistakes, err := i.existing(ctx, c)
	if err != nil {
		return o, err
	}
	if existing != nil && i.OnConflict == FailOnExisting {
		mistakes = add(mistakes, users.FieldEmail, users.ErrTaken)
	}
	mistakes = mend(mistakes)
	if existing != nil && i.OnConflict == UpdateExisting && len(c.Metadata) > 0 {
		err := i.Metadata.Fits(ctx, existing.ID, c.Metadata)
		bad, ok := errors.AsType[*metadata.Invalid](err)
		if err != nil && !ok {
			return o, err
		}
		if ok {
			mistakes = add(mistakes, FieldMetadata, bad)
		}
	}
	if writes := existing == nil || i.OnConflict == UpdateExisting; writes && len(mistakes) == 0 && i.May != nil {
		if mistakes, err = i.May(ctx, c.Record, existing); err != nil {
			return o, err
		}
	}
	switch {
	case len(mistakes) > 0:
		o.Result, o.Err = Refused, mistakes
		return o, nil
	case existing == nil:
		err := i.create(ctx, c)
		if errors.Is(err, storage.ErrNameSpace) { // registered since it was checked
			o.Result, o.Err = Refused, add(nil, FieldSub, errClient)
			return o, nil
		}
		o.Result = Created
		return o, err
	}
	o.Sub, o.Result = existing.ID, Unchanged
	if i.OnConflict == UpdateExisting {
		o.Result = Updated
		return o, i.update(ctx, *existing, c)
	}
	return o, nil
}

func (i *Importer) create(ctx context.Context, c checked) error {
	if i.DryRun {
		return nil
	}
	if err := i.Store.ImportUser(ctx, c.user); err != nil {
		return err
	}
	if c.hash != "" {
		password := storage.Credential{ID: rand.Text(), UserID: c.user.ID, Kind: factor.KindPassword, Data: c.hash, CreatedAt: time.Now()}
		if err := i.Ways.AddCredential(ctx, factor.ForOperator(c.user.ID, factor.SetPassword), password); err != nil {
			return err
		}
	}
	return i.finish(ctx, c, c.user.ID, Created)
}

func (i *Importer) update(ctx context.Context, u storage.User, c checked) error {
	if i.DryRun {
		return nil
	}
	to := factor.Address{Email: c.user.Email, Key: c.user.EmailKey, Verified: c.user.EmailVerified}
	if !i.KeepAddress {
		if _, err := i.Ways.SetAddress(ctx, factor.ForOperator(u.ID, factor.ChangeAddress), to); err != nil {
			return err
		}
	}
	old := u
	u.Username, u.UsernameKey, u.Profile, u.UpdatedAt = c.user.Username, c.user.UsernameKey, c.user.Profile, c.user.UpdatedAt
	if err := i.Store.UpdateUser(ctx, old, u); err != nil {
		return err
	}
	return i.finish(ctx, c, u.ID, Updated)
}

// finish adds the groups and the audit event.
func (i *Importer) finish(ctx context.Context, c checked, id, result string) error {
	for _, group := range c.Groups {
		if err := i.Groups.Add(ctx, group, id); err != nil {
			return fmt.Errorf("group %q: %w", group, err)
		}
	}
	if len(c.Metadata) > 0 {
		if err := i.Metadata.Merge(ctx, id, c.Metadata); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	return i.Audit.Record(ctx, audit.Event{Name: audit.UserImported, UserID: id, Detail: map[string]string{"result": result}})
}
