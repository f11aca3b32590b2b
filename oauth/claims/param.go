package claims

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds of the claims parameter.
const (
	maxParam = 4 << 10 // bytes
	maxDepth = 16
)

// Param is a parsed claims parameter (OpenID Connect Core section 5.5). The zero value asks for nothing.
type Param struct {
	userinfo, idToken []string // claims about the person, by name, unknown ones dropped
	subjects, acrs    []string
	oddSubject        bool // sub is asked for with something that names no person
}

// ask is how one claim is asked for (Core section 5.5.1).
type ask struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

// ParseParam reads the claims parameter; "" asks for nothing. Claims, members and languages that are not known are ignored,
// as the standard demands; what is not its JSON is an error whose text may be shown.
func ParseParam(s string) (Param, error) {
	if s == "" {
		return Param{}, nil
	}
	if len(s) > maxParam {
		return Param{}, fmt.Errorf("the claims parameter is longer than %d bytes", maxParam)
	}
	if err := wellFormed(s); err != nil {
		return Param{}, err
	}
	var sent struct {
		Userinfo map[string]*ask `json:"userinfo"`
		IDToken  map[string]*ask `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(s), &sent); err != nil {
		return Param{}, errors.New("the claims parameter is not as OpenID Connect Core section 5.5 defines it")
	}
	p := Param{userinfo: known(sent.Userinfo), idToken: known(sent.IDToken)}
	if sub := sent.IDToken["sub"]; sub != nil {
		all := len(sub.Values)
		if sub.given() {
			all++
		}
		p.subjects = sub.texts()
		p.oddSubject = len(p.subjects) != all
	}
	if acr := sent.IDToken["acr"]; acr != nil && acr.Essential {
		p.acrs = acr.texts()
	}
	return p, nil
}

// given reports whether one value is asked for.
func (a *ask) given() bool { return len(a.Value) > 0 && string(a.Value) != "null" }

// texts are the values asked for that are texts.
func (a *ask) texts() []string {
	var list []string
	for _, raw := range append(slices.Clone(a.Values), a.Value) {
		var v string
		if json.Unmarshal(raw, &v) == nil && v != "" {
			list = append(list, v)
		}
	}
	return list
}

// Subjects are the people of whom one must be the one who signs in, none = whoever it is (Core section 5.5.1: sub with value
// or values, in the ID token). An error where sub is asked for with what is not a text.
func (p Param) Subjects() ([]string, error) {
	if p.oddSubject {
		return nil, errors.New("the claims parameter asks for a sub that is not a text")
	}
	return p.subjects, nil
}

// EssentialACRs are the authentication contexts of which one must be reached, or the request fails (Core section 5.5.1.1).
func (p Param) EssentialACRs() []string { return p.acrs }

// Scopes are the scopes that would ask for the same claims: what the person should be told on the consent page, and what
// the client must be registered for.
func (p Param) Scopes() []string {
	var scopes []string
	for _, name := range append(slices.Clone(p.userinfo), p.idToken...) {
		scopes = append(scopes, scopeOf[name])
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// Within keeps only the claims that belong to the given scopes.
func (p Param) Within(scopes []string) Param {
	outside := func(name string) bool { return !slices.Contains(scopes, scopeOf[name]) }
	p.userinfo = slices.DeleteFunc(slices.Clone(p.userinfo), outside)
	p.idToken = slices.DeleteFunc(slices.Clone(p.idToken), outside)
	return p
}

// String is the parameter again as far as it asks for claims about the person: what a grant keeps of it. "" asks for nothing.
func (p Param) String() string {
	if len(p.userinfo) == 0 && len(p.idToken) == 0 {
		return ""
	}
	members := func(names []string) map[string]*ask {
		m := make(map[string]*ask, len(names))
		for _, name := range names {
			m[name] = nil
		}
		return m
	}
	raw, _ := json.Marshal(struct {
		Userinfo map[string]*ask `json:"userinfo,omitempty"`
		IDToken  map[string]*ask `json:"id_token,omitempty"`
	}{members(p.userinfo), members(p.idToken)}) // maps of nothing: it cannot fail
	return string(raw)
}

// AtUserinfo are the names of the claims asked for at the userinfo endpoint.
func (p Param) AtUserinfo() []string { return p.userinfo }

// InIDToken are the names of the claims asked for in the ID token.
func (p Param) InIDToken() []string { return p.idToken }

func known(asked map[string]*ask) []string {
	var names []string
	for name := range asked {
		if scopeOf[name] != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// wellFormed demands one JSON object, no name twice, not too deep (rule A12).
func wellFormed(s string) error {
	broken := errors.New("the claims parameter is not a JSON object")
	if !strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{") {
		return broken
	}
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	if err := walk(d, 0); err != nil {
		if errors.Is(err, errTwice) || errors.Is(err, errDeep) {
			return err
		}
		return broken
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return broken
	}
	return nil
}

var (
	errTwice = errors.New("the claims parameter has the same member twice")
	errDeep  = errors.New("the claims parameter is nested too deeply")
)

// walk reads one value.
func walk(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			text := name.(string)
			if seen[text] {
				return errTwice
			}
			seen[text] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing one
	return err
}
