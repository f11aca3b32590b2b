package details

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"

	"signet/clients"
	"signet/clients/detail"
)

// ErrRefused: a type that the client may not ask for, a field that the type does not have, or a value that the field must not have.
var ErrRefused = errors.New("authorization details that are not taken")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// Judge compares a list with what resources declare and the client may ask for, and spells locations as the resources are registered.
func (l List) Judge(c *clients.Client, known *clients.Resources) error {
	for i := range l {
		owner, kind, ok := known.DetailsOwner(l[i].Type)
		if !ok || !slices.Contains(c.DetailsTypes, l[i].Type) {
			return refused("the type %q is unknown, or not this client's to ask for", l[i].Type)
		}
		for j, where := range l[i].Locations {
			r, ok := known.Find(where)
			if !ok || r.Identifier != owner.Identifier {
				return refused("a location of %q is not the resource that takes it", l[i].Type)
			}
			l[i].Locations[j] = r.Identifier
		}
		if err := l[i].fits(kind); err != nil {
			return err
		}
	}
	if len(l.String()) > MaxBytes { // written anew it may be longer, and is read again
		return refused("longer than %d bytes", MaxBytes)
	}
	return nil
}

// number is one that every reader takes for the same.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?$`)

// fits: all fields are the type's, have values that they may have, and none is missing.
func (o One) fits(kind detail.Type) error {
	for name, value := range o.Fields {
		f, ok := kind.Field(name)
		if !ok {
			return refused("%q has no field %q", o.Type, name)
		}
		if !taken(f, value) {
			return refused("%q: the value of %q is not one that it may have", o.Type, name)
		}
	}
	for _, f := range kind.Fields {
		if _, there := o.Fields[f.Name]; f.Required && !there {
			return refused("%q: the field %q is missing", o.Type, f.Name)
		}
	}
	return nil
}

// taken reports whether a field may have the value.
func taken(f detail.Field, value any) bool {
	text := func(s string) bool {
		_, listed := f.Value(s)
		return plain(s) && (listed || len(f.Values) == 0)
	}
	switch v := value.(type) {
	case string:
		return f.Kind == detail.KindText && text(v) || f.Kind == detail.KindDecimal && number.MatchString(v)
	case json.Number:
		return f.Kind == detail.KindNumber && number.MatchString(string(v))
	case bool:
		return f.Kind == detail.KindBoolean
	case []string:
		return f.Kind == detail.KindList && !slices.ContainsFunc(v, func(s string) bool { return !text(s) })
	}
	return false
}

// Kept are those that the client may still have: a type that it lost, or that the resource takes no more, or otherwise, is dropped.
func (l List) Kept(c *clients.Client, known *clients.Resources) (kept List) {
	for _, one := range l {
		if (List{one}).Judge(c, known) == nil {
			kept = append(kept, one)
		}
	}
	return kept
}

// Owners are the resources that take them.
func (l List) Owners(known *clients.Resources) (owners []string) {
	for _, one := range l {
		if r, _, ok := known.DetailsOwner(one.Type); ok && !slices.Contains(owners, r.Identifier) {
			owners = append(owners, r.Identifier)
		}
	}
	return owners
}

// Types are the names of their types, each once.
func (l List) Types() (types []string) {
	for _, one := range l {
		if !slices.Contains(types, one.Type) {
			types = append(types, one.Type)
		}
	}
	return types
}

// For are those of an audience.
func (l List) For(audience []string, known *clients.Resources) (some List) {
	for _, one := range l {
		if r, _, ok := known.DetailsOwner(one.Type); ok && slices.Contains(audience, r.Identifier) {
			some = append(some, one)
		}
	}
	return some
}

// Within answers a request for less than what was granted (RFC 9396 section 6): each of them is one that was granted, or narrower than one.
// No two are taken for the same, or one payment could be two.
func (l List) Within(granted List, known *clients.Resources) error {
	if len(l) > len(granted) {
		return refused("more than was granted")
	}
	taker := map[int]int{} // of what was granted
	for i := range l {
		if !l.place(i, granted, known, taker, map[int]bool{}) {
			return refused("one of the type %q was not granted", l[i].Type)
		}
	}
	return nil
}

// place finds a granted one for the i-th; who has it already moves where it can.
func (l List) place(i int, granted List, known *clients.Resources, taker map[int]int, tried map[int]bool) bool {
	_, kind, ok := known.DetailsOwner(l[i].Type)
	if !ok {
		return false
	}
	for g := range granted {
		if tried[g] || granted[g].Type != l[i].Type || !narrower(kind, l[i], granted[g]) {
			continue
		}
		tried[g] = true
		if before, taken := taker[g]; !taken || l.place(before, granted, known, taker, tried) {
			taker[g] = i
			return true
		}
	}
	return false
}

// narrower reports whether one has the fields that were granted, each with no more than what it was granted with.
func narrower(kind detail.Type, one, granted One) bool {
	if len(one.Fields) != len(granted.Fields) {
		return false // a field that is left out may mean: as much as you like
	}
	for name, have := range granted.Fields {
		f, _ := kind.Field(name)
		want, there := one.Fields[name]
		if !there || !less(f, want, have) {
			return false
		}
	}
	return true
}

func less(f detail.Field, want, have any) bool {
	if list, ok := want.([]string); ok {
		all, same := have.([]string)
		return same && !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(all, s) })
	}
	if want == have {
		return true
	}
	w, wok := rational(want)
	h, hok := rational(have)
	return f.AtMost && wok && hok && w.Sign() >= 0 && w.Cmp(h) <= 0
}

func rational(value any) (*big.Rat, bool) {
	switch v := value.(type) {
	case string:
		return new(big.Rat).SetString(v)
	case json.Number:
		return new(big.Rat).SetString(string(v))
	}
	return nil, false
}
