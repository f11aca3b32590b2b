package files

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"signet/admin"
	"signet/admin/thing"
)

// Target is where a plan is carried out.
type Target interface {
	Source() Source
	Managed(ctx context.Context, q admin.Ask) (admin.Page[thing.Managed], error)
	CheckStep(ctx context.Context, s thing.Step) error
	SecretState(ctx context.Context, kind, key, secret string) (thing.SecretState, error)
	Apply(ctx context.Context, s thing.Step) error
}

// Options of Make.
type Options struct {
	Owner    string // whose files they are
	Adopt    bool   // keep what is there and nobody's files keep
	From     string // … and what the files of this owner keep; "" = nobody's
	Prune    bool   // delete what these files kept and do not say any more
	Override bool   // as the files say, whatever was changed by hand
	// Secret finds one by where a file says it is.
	Secret func(where string) (string, error)
	// New reads the secret that a file has, or makes one where there is no such file; then keep writes it there.
	New func(path string) (text string, keep func() error, err error)
}

// What is planned of a thing.
const (
	Add    = "add"    // the files say it, and it is not there
	Change = "change" // it is not as the files say
	Adopt  = "adopt"  // it is there, and no files keep it: these do from now on
	Delete = "delete" // these files kept it, and do not say it any more
	Drift  = "drift"  // it was changed by hand since the files were applied, and that stays
	Theirs = "theirs" // the files of another owner keep it
	Extra  = "extra"  // it is there, and no files keep or say it
	// Note is no difference: it is as the files say already, and what was applied last is written down.
	Note = "note"
)

// Hand is what was changed by hand.
type Hand struct {
	Field   string `json:"field"`
	Applied any    `json:"applied,omitempty"` // last by files
	Server  any    `json:"server,omitempty"`  // since
	File    any    `json:"file,omitempty"`    // what the files say now
}

// Step is what is planned of one thing.
type Step struct {
	What    string         `json:"what"`
	Kind    string         `json:"kind"`
	Key     string         `json:"key"`
	Changes []admin.Change `json:"changes,omitempty"` // what apply changes, from what the server has
	Kept    []Hand         `json:"kept,omitempty"`    // what it leaves as it was changed by hand
	Does    bool           `json:"does"`              // apply does it
	Why     string         `json:"why,omitempty"`     // why it does not, and how to fix it
	Refused bool           `json:"refused,omitempty"` // apply does nothing at all as long as this is planned

	act  thing.Step
	keep func() error // writes the new secret down before a client has it; nil: there is none
}

// Plan is what would make a server as files say.
type Plan struct {
	Digest string `json:"digest"` // of all that is planned, and what it was planned on
	Steps  []Step `json:"steps"`
}

// Pending reports whether the server is not as the files say; extra things count if asked for.
func (p *Plan) Pending(extra bool) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.What != Note && (extra || s.What != Extra) })
}

// Deletes are the things that the plan deletes.
func (p *Plan) Deletes() (all []string) {
	for _, s := range p.Steps {
		if s.What == Delete && s.Does {
			all = append(all, s.Kind+" "+s.Key)
		}
	}
	return all
}

// ErrEmpty: the files say nothing, and carried out the plan would delete everything that they kept.
var ErrEmpty = errors.New("the files are empty, and everything they kept would be deleted: nothing is pruned. Are these the right files?")

// Make plans what would make a server as files say. An error tells everything that is wrong with the files.
func Make(ctx context.Context, on Target, want *Set, o Options) (*Plan, error) {
	have, err := Export(ctx, on.Source())
	if err != nil {
		return nil, err
	}
	kept := map[[2]string]thing.Managed{}
	if err := each(ctx, on.Managed, func(m thing.Managed) error { kept[[2]string{m.Kind, m.Key}] = m; return nil }); err != nil {
		return nil, err
	}
	p := &Plan{Steps: []Step{}}
	var errs []error
	for _, kind := range thing.Kinds() {
		keys := map[string]bool{}
		for _, m := range kept {
			if m.Kind == kind {
				keys[m.Key] = true
			}
		}
		for _, set := range []*Set{have, want} {
			for key := range set.things[kind] {
				keys[key] = true
			}
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			m, is := kept[[2]string{kind, key}]
			t := &trio{o: o, kind: kind, key: key, live: have.things[kind][key], want: want.things[kind][key], listed: want.lists[kind]}
			if is {
				t.row = &m
			}
			s, err := t.plan(ctx, on, want.secrets[kind+" "+key])
			if err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", kind, key, err))
			} else if s != nil {
				p.Steps = append(p.Steps, *s)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(p.Deletes()) > 0 && !want.any() {
		return nil, ErrEmpty
	}
	p.order()
	p.Digest, err = p.digest()
	return p, err
}

func (s *Set) any() bool {
	for _, of := range s.things {
		if len(of) > 0 {
			return true
		}
	}
	return false
}

// order puts what is deleted last, in the opposite order.
func (p *Plan) order() {
	var steps, deletes []Step
	for _, s := range p.Steps {
		if s.What == Delete {
			deletes = append(deletes, s)
		} else {
			steps = append(steps, s)
		}
	}
	slices.Reverse(deletes)
	p.Steps = append(append([]Step{}, steps...), deletes...)
}

func (p *Plan) digest() (string, error) {
	hash := sha256.New()
	for _, s := range p.Steps {
		if s.What == Extra {
			continue
		}
		s.act.Secret = "" // that there is another one is among the changes
		raw, err := json.Marshal([]any{s, s.act})
		if err != nil {
			return "", fmt.Errorf("digest of the plan: %w", err)
		}
		hash.Write(append(raw, '\n'))
	}
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:15]), nil
}

// trio is one thing as files said it last, as the server has it, and as the files say it.
type trio struct {
	o          Options
	kind, key  string
	row        *thing.Managed // nil: no files keep it
	live, want thing.Thing    // nil: not there
	listed     bool           // the files list things of its kind
}

func (t *trio) mine() bool {
	return t.row != nil && (t.row.Owner == t.o.Owner || t.row.Owner == t.o.From)
}

// plan tells what is to be done; nil: nothing, and there is nothing to tell.
func (t *trio) plan(ctx context.Context, on Target, secret string) (*Step, error) {
	s := &Step{Kind: t.kind, Key: t.key, act: thing.Step{Kind: t.kind, Key: t.key, Owner: t.o.Owner}}
	if t.row != nil {
		s.act.Version = t.row.Version
	}
	var err error
	switch {
	case t.want == nil && t.row == nil:
		s.What = Extra
		return s, nil
	case t.want == nil && t.row.Owner != t.o.Owner:
		return nil, nil
	case t.want == nil:
		s, err = t.gone(s)
	case t.row != nil && !t.mine():
		s.What, s.Refused, s.Why = Theirs, true, fmt.Sprintf("the files of %q keep it; take it over by --adopt-from", t.row.Owner)
		return s, nil
	default:
		s, err = t.wanted(ctx, on, s, secret)
	}
	if err != nil || s == nil || !s.Does {
		return s, err
	}
	if err := on.CheckStep(ctx, s.act); errors.Is(err, admin.ErrRefused) {
		s.Does, s.Refused, s.Why = false, true, err.Error()
	} else if err != nil {
		return nil, err
	}
	return s, nil
}

// gone plans for what these files kept, and do not say any more.
func (t *trio) gone(s *Step) (*Step, error) {
	if t.live == nil {
		s.What, s.Does = Note, true
		return s, nil
	}
	s.What = Delete
	base, live, _, err := t.fields()
	if err != nil {
		return nil, err
	}
	if s.act.Before, err = json.Marshal(t.live); err != nil {
		return nil, err
	}
	for name := range union(base, live) {
		if !reflect.DeepEqual(base[name], live[name]) {
			s.Kept = append(s.Kept, Hand{Field: name, Applied: base[name], Server: live[name]})
		}
	}
	switch {
	case !t.o.Prune:
		s.Why = "add --prune to delete it"
	case !t.listed:
		s.Why = fmt.Sprintf("no file lists %s at all; an empty list, %q: [], says that there are none", t.kind, t.kind)
	case len(s.Kept) > 0 && !t.o.Override:
		s.Why = "it was changed by hand; add --override to delete it all the same"
	default:
		s.Does, s.Kept = true, nil
	}
	return s, nil
}

func union(all ...map[string]any) func(yield func(string) bool) {
	names := map[string]any{}
	for _, one := range all {
		maps.Copy(names, one)
	}
	return slices.Values(slices.Sorted(maps.Keys(names)))
}

func (t *trio) fields() (base, live, want map[string]any, err error) {
	of := func(one thing.Thing) (fields map[string]any) {
		if one != nil && err == nil {
			fields, err = thing.Fields(one)
		}
		return fields
	}
	if t.row != nil {
		applied, err := thing.Read(t.kind, t.row.Applied)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("what was applied last: %w", err)
		}
		base = of(applied)
	}
	return base, of(t.live), of(t.want), err
}

// wanted plans for what the files say.
func (t *trio) wanted(ctx context.Context, on Target, s *Step, secret string) (*Step, error) {
	base, live, want, err := t.fields()
	if err != nil {
		return nil, err
	}
	if t.live != nil {
		if s.act.Before, err = json.Marshal(t.live); err != nil {
			return nil, err
		}
	}
	next, applied := want, want
	switch {
	case t.live == nil && t.row != nil && !t.o.Override:
		s.What, s.Why = Drift, "it was deleted by hand; add --override to make it again"
		return s, nil
	case t.live == nil:
		s.What = Add
	case t.row == nil:
		if s.Changes = changes(live, want); len(s.Changes) == 0 && !t.o.Adopt {
			break // as the files say, whoever keeps it
		}
		s.What = Adopt
	default:
		next, applied = t.merge(s, base, live, want)
	}
	if err := t.secret(ctx, on, s, secret, next); err != nil {
		return nil, err
	}
	switch {
	case s.Refused:
		if s.What == "" {
			s.What = Change
		}
		return s, nil
	case s.What == Adopt && !t.o.Adopt:
		s.Refused, s.Why = true, "no files keep it: add --adopt to keep it by these"
		return s, nil
	case s.What == "" && len(s.Changes) > 0 && t.row == nil:
		s.What, s.Refused, s.Why = Adopt, true, "no files keep it: add --adopt to keep it by these"
		return s, nil
	case s.What == "" && len(s.Changes) > 0:
		s.What = Change
	case s.What == "" && len(s.Kept) > 0:
		s.What, s.Why = Drift, "it was changed by hand; add --override to change it back"
	case s.What == "" && t.row != nil && t.row.Owner != t.o.Owner:
		s.What = Adopt
	case s.What == "" && t.row != nil && !reflect.DeepEqual(applied, base):
		s.What = Note
	case s.What == "":
		return nil, nil
	}
	if s.What == Drift && reflect.DeepEqual(applied, base) && t.row.Owner == t.o.Owner {
		return s, nil
	}
	s.Does = true
	if s.act.After, err = json.Marshal(next); err == nil {
		s.act.Applied, err = json.Marshal(applied)
	}
	return s, err
}

// merge is what becomes of each field: what the files changed since they were applied is changed, what somebody changed by hand stays.
func (t *trio) merge(s *Step, base, live, want map[string]any) (next, applied map[string]any) {
	next, applied = maps.Clone(live), maps.Clone(base)
	set := func(in map[string]any, name string) {
		delete(in, name)
		if value, is := want[name]; is {
			in[name] = value
		}
	}
	for name := range union(base, live, want) {
		b, l, w := base[name], live[name], want[name]
		switch {
		case reflect.DeepEqual(l, w):
			set(applied, name)
		case t.o.Override || reflect.DeepEqual(l, b):
			s.Changes = append(s.Changes, admin.Change{Field: name, Old: l, New: w})
			set(next, name)
			set(applied, name)
		default:
			s.Kept = append(s.Kept, Hand{Field: name, Applied: b, Server: l, File: w})
		}
	}
	return next, applied
}

func changes(have, want map[string]any) (list []admin.Change) {
	for name := range union(have, want) {
		if !reflect.DeepEqual(have[name], want[name]) {
			list = append(list, admin.Change{Field: name, Old: have[name], New: want[name]})
		}
	}
	return list
}

// secret plans for the secret of a thing: another one in the files is set, one that was taken away by hand stays away.
func (t *trio) secret(ctx context.Context, on Target, s *Step, where string, next map[string]any) error {
	if where == "" {
		return nil
	}
	provider, _ := t.want.(thing.Upstream)
	name := secretOf(t.kind, provider.Kind)
	text, keep, err := t.o.secret(where)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	state := thing.SecretState{}
	if t.live != nil {
		if state, err = on.SecretState(ctx, t.kind, t.key, text); errors.Is(err, admin.ErrRefused) {
			s.Refused, s.Why = true, name+": "+err.Error()
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	moves, err := t.moves(next)
	if err != nil {
		return err
	}
	switch {
	case state.Valid && !moves:
	case state.Applied && !t.o.Override && !moves:
		s.Kept = append(s.Kept, Hand{Field: name, Server: "another one", File: where})
	default:
		s.act.Secret, s.keep = text, keep
		s.Changes = append(s.Changes, admin.Change{Field: name, New: where})
	}
	return nil
}

// moves reports whether what is to be is another provider or mail server than what there is: the secret of that one does not stay.
func (t *trio) moves(next map[string]any) (bool, error) {
	if t.live == nil {
		return false, nil
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return false, err
	}
	after, err := thing.Read(t.kind, raw)
	switch after := after.(type) {
	case thing.Upstream:
		before, is := t.live.(thing.Upstream)
		return is && after.Elsewhere(before.Upstream), err
	case thing.Setting:
		before, is := t.live.(thing.Setting)
		return is && after.Away(before.Section), err
	}
	return false, err
}

func (o Options) secret(where string) (text string, keep func() error, err error) {
	if path, is := strings.CutPrefix(where, madeAnew); is {
		return o.New(path)
	}
	text, err = o.Secret(where)
	return text, nil, err
}

// Apply carries out a plan, a thing after the other, each whole or not at all; told is called after each. The first error ends it, and what
// was done before stays done: planned again, the rest is left.
func (p *Plan) Apply(ctx context.Context, on Target, told func(s Step)) error {
	for _, s := range p.Steps {
		if s.Refused {
			return fmt.Errorf("%s %s: %s: nothing was changed", s.Kind, s.Key, s.Why)
		}
	}
	for _, s := range p.Steps {
		if !s.Does {
			continue
		}
		if s.keep != nil { // first: a client has no secret that is lost; one that is written and not set yet is set the next time
			if err := s.keep(); err != nil {
				return fmt.Errorf("%s %s: client_secret: %w", s.Kind, s.Key, err)
			}
		}
		if err := on.Apply(ctx, s.act); err != nil {
			return fmt.Errorf("%s %s: %w", s.Kind, s.Key, err)
		}
		told(s)
	}
	return nil
}
