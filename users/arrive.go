package users

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users/password"
)

// Fields of an Arrival beside those of forms.
const (
	FieldSub          Field = "sub"
	FieldPasswordHash Field = "password_hash"
	FieldGroups       Field = "groups"
)

// ErrSub: not an identifier that is taken over.
var ErrSub = errors.New("use 1 to 255 letters, digits and . _ ~ : | @ + = / -")

// Arrival is a person brought along from another product.
type Arrival struct {
	Line   int          // of the file, for messages
	Sub    string       // kept as the id, and so as the sub claim; "" = a new one
	Person Registration // what was typed
	// Hash is the password's as the other product kept it (password.Imported); "" = no password.
	Hash          string
	EmailVerified bool
	CreatedAt     time.Time // zero = now
	Disabled      bool
	Groups        []string
}

// OnConflict says what to do with a person who is there already.
type OnConflict string

// The ways. Where the same address has another sub, nothing is ever written.
const (
	SkipThere   OnConflict = "skip"
	UpdateThere OnConflict = "update" // address, user name and claims; never the password, which is theirs by now
	FailThere   OnConflict = "fail"
)

// What came of an arrival.
const (
	Created = "created"
	Updated = "updated"
	There   = "there"   // as the file says, or left as it is
	Refused = "refused" // Outcome.Err tells why
)

// Outcome of one arrival.
type Outcome struct {
	Line   int
	Sub    string
	Result string
	Err    error // Mistakes
}

// Bringing is one import. It is not safe for concurrent use.
type Bringing struct {
	Service    *Service
	OnConflict OnConflict
	DryRun     bool
	// Reserved tells what no person may be called: the ids of clients. GroupExists and Join put people into groups.
	Reserved    func(ctx context.Context, sub string) (bool, error)
	GroupExists func(ctx context.Context, group string) (bool, error)
	Join        func(ctx context.Context, userID, group string) error

	seen map[string]int // keys of people in the file, with their line
}

// arrival is one that was checked.
type arrival struct {
	Arrival
	user storage.User
	kept string
}

// Batch takes in some people, in one transaction: all of them but the refused, or (an error) none. Mistakes are outcomes.
func (b *Bringing) Batch(ctx context.Context, list []Arrival) ([]Outcome, error) {
	if b.seen == nil {
		b.seen = map[string]int{}
	}
	outcomes := make([]Outcome, len(list))
	ready := make([]*arrival, len(list))
	for i, a := range list {
		checked, err := b.check(ctx, a)
		outcomes[i] = Outcome{Line: a.Line, Sub: a.Sub}
		if mistakes, ok := errors.AsType[Mistakes](err); ok {
			outcomes[i].Result, outcomes[i].Err = Refused, mistakes
			continue
		}
		if err != nil {
			return nil, err
		}
		ready[i] = &checked
	}
	err := b.Service.store.Tx(ctx, func(ctx context.Context) error {
		for i, a := range ready {
			if a == nil {
				continue
			}
			o, err := b.take(ctx, *a)
			if err != nil {
				return fmt.Errorf("line %d: %w", a.Line, err)
			}
			outcomes[i] = o
		}
		return nil
	})
	return outcomes, err
}

// check finds all that is wrong with one, without looking at who is there.
func (b *Bringing) check(ctx context.Context, a Arrival) (arrival, error) {
	a.Person.Voucher, a.Person.Method = VouchedByOperator(), SignInMethod{}
	a.Person.Verification = Verification{}
	if a.EmailVerified {
		a.Person.Verification = VerifiedByOperator()
	}
	u, mistakes := b.Service.newUser(a.Person)
	checked := arrival{Arrival: a}
	if a.Sub != "" {
		mistakes.add(FieldSub, checkSub(a.Sub))
		reserved, err := b.reserved(ctx, a.Sub)
		if err != nil {
			return checked, err
		}
		if reserved {
			mistakes.add(FieldSub, errors.New("is the id of a client"))
		}
		u.ID = a.Sub
	}
	if a.Hash != "" {
		var err error
		checked.kept, err = password.Imported(a.Hash)
		mistakes.add(FieldPasswordHash, err)
	}
	for _, group := range a.Groups {
		exists, err := b.GroupExists(ctx, group)
		if err != nil {
			return checked, err
		}
		if !exists {
			mistakes.add(FieldGroups, fmt.Errorf("there is no group %q; see `signet group create`", group))
		}
	}
	for field, key := range map[Field]string{FieldSub: a.Sub, FieldEmail: u.EmailKey, FieldUsername: u.UsernameKey} {
		name := string(field) + " " + key
		if line, twice := b.seen[name]; twice && key != "" {
			mistakes.add(field, fmt.Errorf("stands in line %d, too", line))
		} else if key != "" {
			b.seen[name] = a.Line
		}
	}
	if !a.CreatedAt.IsZero() {
		u.CreatedAt = a.CreatedAt
	}
	if a.Disabled {
		u.DisabledAt = u.UpdatedAt
	}
	checked.user = u
	slices.SortFunc(mistakes, func(a, b Mistake) int { return cmp.Compare(a.Field, b.Field) })
	return checked, mistakes.orNil()
}

func (b *Bringing) reserved(ctx context.Context, sub string) (bool, error) {
	if b.Reserved == nil {
		return false, nil
	}
	return b.Reserved(ctx, sub)
}

// checkSub: OpenID Connect Core section 2 allows 255 characters of ASCII; those with a meaning elsewhere stay out.
func checkSub(sub string) error {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._~:|@+=/-", r))
	}
	if sub == "" || len(sub) > 255 || strings.ContainsFunc(sub, odd) {
		return ErrSub
	}
	return nil
}

// take writes one, in the transaction of ctx.
func (b *Bringing) take(ctx context.Context, a arrival) (Outcome, error) {
	o := Outcome{Line: a.Line, Sub: a.user.ID}
	there, mistakes, err := b.there(ctx, a)
	if err != nil {
		return o, err
	}
	if there != nil && b.OnConflict == FailThere {
		mistakes.add(FieldEmail, ErrTaken)
	}
	switch {
	case len(mistakes) > 0:
		o.Result, o.Err = Refused, mistakes
		return o, nil
	case there == nil:
		o.Result = Created
		return o, b.create(ctx, a)
	}
	o.Sub, o.Result = there.ID, There
	if b.OnConflict == UpdateThere {
		o.Result = Updated
		return o, b.update(ctx, *there, a)
	}
	return o, nil
}

// there finds the same person, if an earlier run or somebody else brought them already; mistakes tell of others who have what
// is theirs.
func (b *Bringing) there(ctx context.Context, a arrival) (*storage.User, Mistakes, error) {
	var mistakes Mistakes
	find := func(find func() (storage.User, error)) (*storage.User, error) {
		u, err := find()
		if errors.Is(err, storage.ErrNotFound) {
			return nil, nil
		}
		return &u, err
	}
	store := b.Service.store
	var same *storage.User
	if a.Sub != "" {
		var err error
		if same, err = find(func() (storage.User, error) { return store.UserByID(ctx, a.Sub) }); err != nil {
			return nil, nil, err
		}
	}
	byEmail, err := find(func() (storage.User, error) { return store.UserByKey(ctx, a.user.EmailKey, "") })
	if err != nil {
		return nil, nil, err
	}
	var byName *storage.User
	if a.user.UsernameKey != "" {
		if byName, err = find(func() (storage.User, error) { return store.UserByKey(ctx, "", a.user.UsernameKey) }); err != nil {
			return nil, nil, err
		}
	}
	if a.Sub == "" {
		same = byEmail
	}
	if same != nil && b.OnConflict != UpdateThere && same.EmailKey != a.user.EmailKey {
		mistakes.add(FieldSub, errors.New("belongs to somebody with another address"))
	}
	if byEmail != nil && (same == nil || byEmail.ID != same.ID) {
		mistakes.add(FieldEmail, ErrTaken)
	}
	if byName != nil && (same == nil || byName.ID != same.ID) {
		mistakes.add(FieldUsername, ErrTaken)
	}
	return same, mistakes, nil
}

func (b *Bringing) create(ctx context.Context, a arrival) error {
	if b.DryRun {
		return nil
	}
	s := b.Service
	if err := s.store.InsertUser(ctx, a.user); err != nil {
		return err
	}
	if a.kept != "" {
		if err := s.store.InsertCredential(ctx, credential(a.user.ID, a.kept)); err != nil {
			return err
		}
	}
	return b.finish(ctx, a, a.user.ID, Created)
}

func (b *Bringing) update(ctx context.Context, u storage.User, a arrival) error {
	if b.DryRun {
		return nil
	}
	u.Email, u.EmailKey, u.EmailVerified = a.user.Email, a.user.EmailKey, a.user.EmailVerified
	u.Username, u.UsernameKey, u.Profile, u.UpdatedAt = a.user.Username, a.user.UsernameKey, a.user.Profile, a.user.UpdatedAt
	if err := b.Service.store.UpdateUser(ctx, u); err != nil {
		return err
	}
	return b.finish(ctx, a, u.ID, Updated)
}

func (b *Bringing) finish(ctx context.Context, a arrival, id, result string) error {
	for _, group := range a.Groups {
		if err := b.Join(ctx, id, group); err != nil {
			return fmt.Errorf("group %q: %w", group, err)
		}
	}
	return b.Service.audit.Record(ctx, audit.Event{Name: audit.UserImported, UserID: id, Detail: map[string]string{"result": result}})
}
