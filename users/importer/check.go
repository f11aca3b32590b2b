package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/storage"
	"signet/users"
	"signet/users/metadata"
	"signet/users/password"
)

// Fields of a Record beside those of forms.
const (
	FieldSub          users.Field = "sub"
	FieldPasswordHash users.Field = "password_hash"
	FieldGroups       users.Field = "groups"
	FieldMetadata     users.Field = "metadata"
	FieldCreatedAt    users.Field = "created_at"
)

// ErrSub: a sub that cannot be kept.
var ErrSub = errors.New("use 1 to 255 letters, digits and . _ ~ : | @ + = / -")

// errClient: a sub that tokens of an app have already.
var errClient = errors.New("is the id of a client; leave it out, and they get a new one")

// mostGroups is how many groups a record may name.
const mostGroups = 100

// checked is a record without mistakes of its own.
type checked struct {
	Record
	user storage.User
	hash string // as users/password stores it
}

func add(list users.Mistakes, f users.Field, cause error) users.Mistakes {
	if cause == nil {
		return list
	}
	return append(list, users.Mistake{Field: f, Cause: cause})
}

// check finds all that is wrong with one, without looking at who exists.
func (i *Importer) check(ctx context.Context, r Record) (checked, users.Mistakes, error) {
	c := checked{Record: r}
	r.Person.Voucher, r.Person.Method, r.Person.Verification = users.VouchedByOperator(), users.SignInMethod{}, users.Verification{}
	if r.EmailVerified {
		r.Person.Verification = users.VerifiedByOperator()
	}
	u, mistakes := i.People.CheckPerson(r.Person)
	if r.Sub != "" {
		mistakes = add(mistakes, FieldSub, checkSub(r.Sub))
		reserved, err := i.Reserved(ctx, r.Sub)
		if err != nil {
			return c, nil, err
		}
		if reserved {
			mistakes = add(mistakes, FieldSub, errClient)
		}
		u.ID = r.Sub
	}
	if r.Hash != "" {
		var err error
		c.hash, err = password.Imported(r.Hash)
		mistakes = add(mistakes, FieldPasswordHash, err)
	}
	slices.Sort(r.Groups)
	if r.Groups = slices.Compact(r.Groups); len(r.Groups) > mostGroups { // each is looked up, while others wait to write
		mistakes = add(mistakes, FieldGroups, fmt.Errorf("are more than %d", mostGroups))
		r.Groups = nil
	}
	c.Groups = r.Groups
	for _, group := range r.Groups {
		exists, err := i.Groups.Exists(ctx, group)
		if err != nil {
			return c, nil, err
		}
		if !exists {
			mistakes = add(mistakes, FieldGroups, fmt.Errorf("there is no group %q; see `signet group create`", group))
		}
	}
	if len(r.Metadata) > 0 {
		err := metadata.Check(r.Metadata)
		if err == nil && i.Metadata == nil {
			err = errors.New("is not kept here")
		}
		mistakes = add(mistakes, FieldMetadata, err)
	}
	mistakes = append(mistakes, i.twice(r, u)...)
	if !r.CreatedAt.IsZero() {
		mistakes = add(mistakes, FieldCreatedAt, checkCreated(r.CreatedAt))
		u.CreatedAt = r.CreatedAt
	}
	if r.Disabled {
		u.DisabledAt = u.UpdatedAt
	}
	c.user = u
	slices.SortStableFunc(mistakes, func(a, b users.Mistake) int { return cmp.Compare(a.Field, b.Field) })
	return c, mistakes, nil
}

// checkCreated: other times are mistakes of the file, and of some no answer could be made (RFC 3339 has years of four digits).
func checkCreated(at time.Time) error {
	if at.Unix() < 0 || at.After(time.Now().Add(24*time.Hour)) { // clocks and zones differ
		return errors.New("must be between 1970 and now")
	}
	return nil
}

// twice finds what an earlier line of the file has, too.
func (i *Importer) twice(r Record, u storage.User) (mistakes users.Mistakes) {
	for field, key := range map[users.Field]string{FieldSub: r.Sub, users.FieldEmail: u.EmailKey, users.FieldUsername: u.UsernameKey} {
		if key == "" {
			continue
		}
		name := string(field) + " " + key
		if line, seen := i.seen[name]; seen {
			mistakes = add(mistakes, field, fmt.Errorf("is in line %d, too", line))
			continue
		}
		i.seen[name] = r.Line
	}
	return mistakes
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

// existing finds the same person if an earlier run or somebody else made them already; mistakes name others who have what the
// record says is theirs.
func (i *Importer) existing(ctx context.Context, c checked) (same *storage.User, mistakes users.Mistakes, err error) {
	if c.Sub != "" {
		if same, err = found(i.Finder.UserByID(ctx, c.Sub)); err != nil {
			return nil, nil, err
		}
	}
	byEmail, err := found(i.Finder.UserByKey(ctx, c.user.EmailKey, ""))
	if err != nil {
		return nil, nil, err
	}
	var byName *storage.User
	if c.user.UsernameKey != "" {
		if byName, err = found(i.Finder.UserByKey(ctx, "", c.user.UsernameKey)); err != nil {
			return nil, nil, err
		}
	}
	if c.Sub == "" {
		same = byEmail
	}
	if same != nil && (i.OnConflict != UpdateExisting || i.KeepAddress) && same.EmailKey != c.user.EmailKey {
		mistakes = add(mistakes, FieldSub, errors.New("belongs to somebody with another address; change that where they are, not by an import"))
	}
	if byEmail != nil && (same == nil || byEmail.ID != same.ID) {
		mistakes = add(mistakes, users.FieldEmail, users.ErrTaken)
	}
	if byName != nil && (same == nil || byName.ID != same.ID) {
		mistakes = add(mistakes, users.FieldUsername, users.ErrTaken)
	}
	return same, mistakes, nil
}

// found is nil where there is nobody.
func found(u storage.User, err error) (*storage.User, error) {
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	return &u, nil
}
