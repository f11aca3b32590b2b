package setting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"signet/storage"
)

// Store is the part of *storage.DB that settings are kept in.
type Store interface {
	LockSettings(ctx context.Context) error
	KeptSettings(ctx context.Context, each func(id string, data, sealed []byte, version int64)) error
	InsertSetting(ctx context.Context, id string, data, sealed []byte) (version int64, err error)
	UpdateSetting(ctx context.Context, id string, version int64, data, sealed []byte) error
	DeleteSetting(ctx context.Context, id string, version int64) error
}

// People is the part of *storage.DB that tells who signs in where.
type People interface {
	IssuersAt(ctx context.Context, upstream string) (first, last string, err error)
	PeopleAt(ctx context.Context, upstream string, limit int) (people, only int64, err error)
}

// Sealer seals secrets; *seal.Master.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Place names a column's row for the sealer (seal.Place).
type Place func(table, row, column string) []byte

// Options of New; all are required.
type Options struct {
	Store  Store
	People People
	Sealer Sealer
	Place  Place
	// Declared are the upstreams of the configuration, by their ids: they win.
	Declared func() []Upstream
	// Check is what the configuration's own rules say of one: a line for each mistake, which begins with the field.
	Check func(u Upstream, s Secrets) error
	// Section is what the configuration says of one, and whether it is declared there or by default, and CheckSection is Check of one.
	Section      func(id string) (s Section, declared bool)
	CheckSection func(s Section, password string) error
}

// Service changes what is kept.
type Service struct{ o Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.People == nil || o.Sealer == nil || o.Place == nil || o.Declared == nil || o.Check == nil ||
		o.Section == nil || o.CheckSection == nil {
		return nil, errors.New("admin/setting: all options are required")
	}
	return &Service{o}, nil
}

// Errors callers branch on with errors.Is.
var (
	ErrUnknown  = errors.New("there is nothing of that name")
	ErrDeclared = errors.New("config.yaml declares it: change it there")
	ErrMany     = fmt.Errorf("there are %d upstreams already", mostUpstreams)
	ErrStale    = errors.New("it was changed meanwhile")
	// ErrLinked: people are known by it at another issuer.
	ErrLinked = errors.New("people are linked to it at another issuer: make another upstream, and delete this one")
	ErrTaken  = errors.New("there is an upstream of this id")
)

// Invalid is what is wrong with a setting, each text beginning with its field.
type Invalid []string

// Error has a line for each.
func (i Invalid) Error() string { return strings.Join(i, "\n") }

// upstreams begin the ids of rows.
const upstreams = "upstreams/"

// row is an upstream as it is kept.
type row struct {
	Upstream
	sealed  []byte
	version int64
	broken  error // nothing of it can be read but its id
}

func rows(ctx context.Context, store Store) (list []row, sections []sectionRow, err error) {
	err = store.KeptSettings(ctx, func(id string, data, sealed []byte, version int64) {
		if id == Branding || id == Mail {
			r := sectionRow{sealed: slices.Clone(sealed), version: version}
			if err := json.Unmarshal(data, &r.Section); err != nil {
				r.Section, r.broken = Section{}, fmt.Errorf("read what is set: %w", err)
			}
			r.ID = id
			sections = append(sections, r)
		}
		name, is := strings.CutPrefix(id, upstreams)
		if !is {
			return // a later release's
		}
		r := row{sealed: slices.Clone(sealed), version: version}
		if err := json.Unmarshal(data, &r.Upstream); err != nil {
			r.Upstream, r.broken = Upstream{Kind: "oidc"}, fmt.Errorf("read what is set: %w", err)
		}
		r.ID, r.Version = name, version
		list = append(list, r)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read settings: %w", err)
	}
	return list, sections, nil
}

// open reads the secrets of a row.
func (r row) open(sealer Sealer, place Place) (s Secrets, err error) {
	if r.sealed == nil {
		return s, nil
	}
	plain, err := sealer.Open(r.sealed, place("settings", upstreams+r.ID, "sealed"))
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err != nil {
		return Secrets{}, fmt.Errorf("secrets of upstream %s: %w", r.ID, err)
	}
	return s, nil
}

// Kept is an upstream with its secrets.
type Kept struct {
	Upstream
	Secrets Secrets
}

// Read has what is kept, by id. What cannot be used is told, by the id of its row, and is not among it.
func Read(ctx context.Context, store Store, sealer Sealer, place Place, broken func(id string, err error)) (list []Kept,
	sections []KeptSection, err error) {
	all, some, err := rows(ctx, store)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range some {
		password, err := r.open(sealer, place)
		if err = errors.Join(r.broken, err); err != nil {
			broken(r.ID, err)
			continue
		}
		sections = append(sections, KeptSection{r.Section, password})
	}
	for _, r := range all {
		s, err := r.open(sealer, place)
		if err = errors.Join(r.broken, err); err != nil {
			broken(upstreams+r.ID, err)
			continue
		}
		list = append(list, Kept{r.Upstream, s})
	}
	return list, sections, nil
}

// Upstreams has those that are kept, by id, but for those that the configuration declares.
func (s *Service) Upstreams(ctx context.Context) (list []Upstream, err error) {
	all, _, err := rows(ctx, s.o.Store)
	for _, r := range all {
		if !s.declared(r.ID) {
			list = append(list, r.Upstream)
		}
	}
	return list, err
}

// Usable are the ids of those where people can sign in, of the configuration too.
func (s *Service) Usable(ctx context.Context) (ids []string, err error) {
	for _, u := range s.o.Declared() {
		ids = append(ids, u.ID)
	}
	all, _, err := Read(ctx, s.o.Store, s.o.Sealer, s.o.Place, func(string, error) {})
	for _, k := range all {
		if !k.Disabled && !s.declared(k.ID) && s.o.Check(k.Upstream, k.Secrets) == nil {
			ids = append(ids, k.ID)
		}
	}
	return ids, err
}

// Declared are those of the configuration.
func (s *Service) Declared() []Upstream { return s.o.Declared() }

func (s *Service) declared(id string) bool {
	return slices.ContainsFunc(s.o.Declared(), func(u Upstream) bool { return u.ID == id })
}

// find is one that is kept, among all. ErrUnknown, ErrDeclared.
func (s *Service) find(ctx context.Context, id string) (r row, others []Upstream, err error) {
	if s.declared(id) {
		return r, nil, ErrDeclared
	}
	all, _, err := rows(ctx, s.o.Store)
	if err != nil {
		return r, nil, err
	}
	err = ErrUnknown
	for _, one := range all {
		if one.ID == id {
			r, err = one, nil
		} else if !s.declared(one.ID) {
			others = append(others, one.Upstream)
		}
	}
	return r, others, err
}

// locked is find for a change: no other changes anything before this one ends.
func (s *Service) locked(ctx context.Context, id string) (r row, others []Upstream, err error) {
	if err := s.o.Store.LockSettings(ctx); err != nil {
		return r, nil, fmt.Errorf("lock settings: %w", err)
	}
	return s.find(ctx, id)
}

// Check says what is wrong with an upstream that is to be kept.
func (s *Service) Check(ctx context.Context, u Upstream, given Secrets) error {
	r, others, err := s.find(ctx, u.ID)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return err
	}
	full := given
	if err == nil {
		if full, err = s.after(r, u, given); err != nil {
			return err
		}
	}
	return s.check(u, full, others)
}

// after are the secrets of a row as it is to be. Those of another provider are not kept, and have to be given.
func (s *Service) after(r row, u Upstream, given Secrets) (Secrets, error) {
	kept, err := r.open(s.o.Sealer, s.o.Place)
	switch {
	case err != nil: // lost: they have to be given anew
		return given, nil
	case !u.Elsewhere(r.Upstream):
		return given.over(kept), nil
	case r.broken == nil && kept != (Secrets{}) && given == (Secrets{}):
		field := map[bool]string{true: "private_key", false: "client_secret"}[u.Kind == "apple"]
		return given, Invalid{field + ": is missing; the one that is kept was given for another provider, and stays with it"}
	}
	return given, nil
}

func (s *Service) check(u Upstream, full Secrets, others []Upstream) error {
	wrong := u.mistakes(full, others)
	if err := s.o.Check(u, full); err != nil {
		wrong = append(wrong, strings.Split(err.Error(), "\n")...)
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// linked refuses an upstream whose people are known at another issuer: who they are there, nobody is here.
func (s *Service) linked(ctx context.Context, u Upstream) error {
	first, last, err := s.o.People.IssuersAt(ctx, u.ID)
	if err != nil {
		return fmt.Errorf("look for who is linked: %w", err)
	}
	issuer, whole := u.issuers()
	for _, is := range []string{first, last} {
		if is != "" && (whole && is != issuer || !strings.HasPrefix(is, issuer)) {
			return ErrLinked
		}
	}
	return nil
}

// CreateUpstream keeps one that is not there; run it in a transaction.
func (s *Service) CreateUpstream(ctx context.Context, u Upstream, given Secrets) (version int64, err error) {
	u = u.Plain()
	_, others, err := s.locked(ctx, u.ID)
	switch {
	case err == nil:
		return 0, ErrTaken
	case !errors.Is(err, ErrUnknown):
		return 0, err
	case len(others) >= mostUpstreams:
		return 0, ErrMany
	}
	if err := s.check(u, given, others); err != nil {
		return 0, err
	}
	if err := s.linked(ctx, u); err != nil {
		return 0, err
	}
	data, sealed, err := s.write(u, given)
	if err != nil {
		return 0, err
	}
	version, err = s.o.Store.InsertSetting(ctx, upstreams+u.ID, data, sealed)
	if errors.Is(err, storage.ErrConflict) {
		return 0, ErrTaken
	} else if err != nil {
		return 0, fmt.Errorf("write upstream: %w", err)
	}
	return version, nil
}

// ChangeUpstream lets do change one as it is; run it in a transaction. Secrets that are not given stay; another provider needs its own.
func (s *Service) ChangeUpstream(ctx context.Context, id string, given Secrets, do func(u *Upstream) error) (before, after Upstream,
	err error) {
	r, others, err := s.locked(ctx, id)
	if err != nil {
		return before, after, err
	}
	before, after = r.Upstream, r.clone()
	if err := do(&after); err != nil {
		return before, after, err
	}
	after.ID, after = id, after.Plain()
	full, err := s.after(r, after, given)
	if err != nil {
		return before, after, err
	}
	onlyOff := r.broken == nil && after.Disabled && given == (Secrets{}) && same(off(before), off(after)) // whatever is wrong with it
	if !onlyOff {
		if err := s.check(after, full, others); err != nil {
			return before, after, err
		}
		if err := s.linked(ctx, after); err != nil {
			return before, after, err
		}
	}
	data, sealed, err := s.write(after, full)
	if after.Version = r.version + 1; err != nil {
		return before, after, err
	}
	if onlyOff {
		sealed = r.sealed
	}
	if err := s.o.Store.UpdateSetting(ctx, upstreams+id, r.version, data, sealed); errors.Is(err, storage.ErrStale) {
		return before, after, ErrStale
	} else if err != nil {
		return before, after, fmt.Errorf("write upstream: %w", err)
	}
	return before, after, nil
}

func off(u Upstream) Upstream { u.Disabled = true; return u.Plain() }

func same[T any](a, b T) bool {
	one, err1 := json.Marshal(a)
	two, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(one) == string(two)
}

func (s *Service) write(u Upstream, full Secrets) (data, sealed []byte, err error) {
	var plain []byte
	if full != (Secrets{}) {
		if plain, err = json.Marshal(full); err != nil {
			return nil, nil, fmt.Errorf("write secrets of an upstream: %w", err)
		}
	}
	return s.sealed(upstreams+u.ID, u, plain)
}

// sealed are the two parts of the row of an id.
func (s *Service) sealed(id string, what any, secret []byte) (data, sealed []byte, err error) {
	if data, err = json.Marshal(what); err != nil || len(secret) == 0 {
		return data, nil, err
	}
	if sealed, err = s.o.Sealer.Seal(secret, s.o.Place("settings", id, "sealed")); err != nil {
		return nil, nil, fmt.Errorf("seal secrets of %s: %w", id, err)
	}
	return data, sealed, nil
}

// DeleteUpstream removes one that expect allows; run it in a transaction. Who is linked to it stays so, and is let in again by an upstream
// of the same id and issuer.
func (s *Service) DeleteUpstream(ctx context.Context, id string, expect func(u Upstream) error) error {
	r, _, err := s.locked(ctx, id)
	if err != nil {
		return err
	}
	if err := expect(r.Upstream); err != nil {
		return err
	}
	if err := s.o.Store.DeleteSetting(ctx, upstreams+id, r.version); errors.Is(err, storage.ErrStale) {
		return ErrStale
	} else if err != nil {
		return fmt.Errorf("delete upstream: %w", err)
	}
	return nil
}

// Counted is how many people are counted at most.
const Counted = 10_000

// Known is who signs in at an upstream.
type Known struct {
	People int64 `json:"people" doc:"How many are linked to it, up to 10,000."`
	Only   int64 `json:"only" doc:"How many of them have no password, passkey or other upstream."`
}

// Known counts who signs in at an upstream.
func (s *Service) Known(ctx context.Context, id string) (k Known, err error) {
	if k.People, k.Only, err = s.o.People.PeopleAt(ctx, id, Counted); err != nil {
		return k, fmt.Errorf("count people: %w", err)
	}
	return k, nil
}

// Kept is one with its secrets. ErrUnknown, ErrDeclared.
func (s *Service) Kept(ctx context.Context, id string) (Kept, error) {
	r, _, err := s.find(ctx, id)
	if err != nil {
		return Kept{}, err
	}
	secrets, err := r.open(s.o.Sealer, s.o.Place)
	return Kept{r.Upstream, secrets}, err
}
