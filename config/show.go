package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// Setting is one key as `signet config show` shows it: secrets masked.
type Setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// Settings lists every key with its value and origin, in the order of the tree; the master key comes last.
func (c Config) Settings() []Setting {
	var all []Setting
	for _, l := range leaves(reflect.ValueOf(c), "") {
		all = append(all, Setting{l.key, shown(l.value), c.Origin(l.key)})
	}
	return append(all, Setting{MasterKeyName, c.MasterKey.String(), c.Origin("the master key")})
}

// MasterKeyName is what stands for the master key among the names of settings.
const MasterKeyName = "(master key)"

// Changed lists the keys whose values differ, in the order of the tree.
func (c Config) Changed(from Config) (keys []string) {
	before := leaves(reflect.ValueOf(from), "")
	for i, l := range leaves(reflect.ValueOf(c), "") {
		if !reflect.DeepEqual(l.value.Interface(), before[i].value.Interface()) {
			keys = append(keys, l.key)
		}
	}
	if c.MasterKey != from.MasterKey {
		keys = append(keys, MasterKeyName)
	}
	return keys
}

// shown is a value as text, number or list; a list of entries shows its entries with the names of the file.
func shown(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Duration:
		return short(x)
	case Duration:
		return short(time.Duration(x))
	case Secret:
		return x.String()
	case DSN:
		return x.String()
	case netip.Prefix:
		return x.String()
	case ResourceScope:
		if x.plain() {
			return x.Name
		}
	case DetailsValue:
		if len(x.Title) == 0 {
			return x.Value
		}
	case Text:
		if one, ok := x[""]; ok && len(x) == 1 {
			return one
		}
	}
	switch {
	case v.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = shown(v.Index(i))
		}
		return list
	case branch(v.Type()):
		entry := map[string]any{}
		for _, l := range leaves(v, "") {
			if !l.value.IsZero() {
				entry[l.key] = shown(l.value)
			}
		}
		return entry
	}
	return v.Interface()
}

// short writes 720h0m0s as 720h.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Text is the value in one line, as JSON where it is not a plain text.
func (s Setting) Text() string {
	if t, ok := s.Value.(string); ok && t != "" {
		return t
	}
	data, err := json.Marshal(s.Value)
	if err != nil {
		return fmt.Sprint(s.Value)
	}
	return string(data)
}
