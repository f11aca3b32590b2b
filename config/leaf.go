package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// leaf is one settable key of the tree.
type leaf struct {
	key   string
	value reflect.Value
}

// leaves lists the tree's keys in order; lists count as one key.
func leaves(v reflect.Value, prefix string) []leaf {
	var all []leaf
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		key, field := prefix+name, v.Field(i)
		if branch(field.Type()) {
			all = append(all, leaves(field, key+".")...)
			continue
		}
		all = append(all, leaf{key, field})
	}
	return all
}

// branch tells sections from values: Secret and DSN are structs without tags.
func branch(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("yaml") != ""
}

// find returns the value of a key that exists.
func find(v reflect.Value, key string) reflect.Value {
	all := leaves(v, "")
	i := slices.IndexFunc(all, func(l leaf) bool { return l.key == key })
	return all[i].value
}

// secret reports whether the key's value may also be given as a file.
func (l leaf) secret() bool {
	switch l.value.Interface().(type) {
	case Secret, DSN:
		return true
	}
	return false
}

// setText sets a value from one text (environment, flag, YAML scalar). Lists of texts are separated by commas.
func setText(v reflect.Value, text string) error {
	switch v.Addr().Interface().(type) {
	case *Secret:
		v.Set(reflect.ValueOf(NewSecret(text)))
		return nil
	case *DSN:
		v.Set(reflect.ValueOf(NewDSN(text)))
		return nil
	case *time.Duration, *Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration; write it like 90s, 10m or 720h", text)
		}
		v.SetInt(int64(d))
		return nil
	case *netip.Prefix:
		p, err := parsePrefix(text)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(p))
		return nil
	}
	return setPlain(v, text)
}

func setPlain(v reflect.Value, text string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := setText(p.Elem(), text); err != nil {
			return err
		}
		v.Set(p)
	case reflect.Slice:
		return setList(v, text)
	default:
		return errors.New("cannot be set by one text; write it in the configuration file")
	}
	return nil
}

func setList(v reflect.Value, text string) error {
	if branch(v.Type().Elem()) {
		return errors.New("is a list of entries; write it in the configuration file")
	}
	list := reflect.MakeSlice(v.Type(), 0, 4)
	var errs []error
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := setText(item, part); err != nil {
			errs = append(errs, err)
			continue
		}
		list = reflect.Append(list, item)
	}
	if len(errs) > 0 {
		return joinText(errs)
	}
	v.Set(list)
	return nil
}

// joinText makes one line of several mistakes in one value.
func joinText(errs []error) error {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// parsePrefix takes a network or a single address.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network; write it like 10.0.0.0/8 or 127.0.0.1", text)
	}
	return p.Masked(), nil
}

// near returns the name of the list that is at most two edits away, for "did you mean".
func near(name string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		if d := edits(name, k); d < at {
			best, at = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two short names.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, last+cost)
		}
	}
	return row[len(b)]
}
