package kit

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// mostMembers of an object are read here, and the depth that values may have.
const (
	mostMembers = 32
	deepest     = 8
)

// plainJSON is JSON that is written as issuers and clients write it: no escapes, no spaces, no name twice. Whatever is otherwise is left to
// encoding/json, and what is read here is read as that does (FuzzPlain), in less than its time.
type plainJSON struct {
	raw   []byte
	names [mostMembers][]byte
	n     int
}

// members gives the members of an object to each, values as they are written. It reports false as soon as it is not plain, or each does not
// take a value.
func members(raw []byte, each func(name, value []byte) bool) bool {
	for _, b := range raw {
		if b < ' ' || b == '\\' {
			return false
		}
	}
	p := plainJSON{raw: raw}
	if p.at(0) != '{' || !utf8.Valid(raw) {
		return false
	}
	if p.at(1) == '}' {
		return len(raw) == 2
	}
	for i := 1; ; i++ {
		name := p.text(i)
		if name < 0 || p.at(name) != ':' || !p.first(raw[i+1:name-1]) {
			return false
		}
		end := p.value(name+1, deepest)
		if end < 0 || !each(raw[i+1:name-1], raw[name+1:end]) {
			return false
		}
		if i = end; p.at(i) != ',' {
			return p.at(i) == '}' && i+1 == len(raw)
		}
	}
}

// first reports whether the name is the first of its kind, and that there is place for it.
func (p *plainJSON) first(name []byte) bool {
	if p.n == mostMembers {
		return false
	}
	for _, before := range p.names[:p.n] {
		if bytes.Equal(before, name) {
			return false
		}
	}
	p.names[p.n] = name
	p.n++
	return true
}

// at is the byte there, 0 behind the end.
func (p *plainJSON) at(i int) byte {
	if i >= len(p.raw) {
		return 0
	}
	return p.raw[i]
}

// text is where the string ends that begins there; -1: none does. The next three are of other values.
func (p *plainJSON) text(i int) int {
	if p.at(i) != '"' {
		return -1
	}
	n := bytes.IndexByte(p.raw[i+1:], '"')
	if n < 0 {
		return -1
	}
	return i + n + 2
}

func (p *plainJSON) value(i, depth int) int {
	switch c := p.at(i); c {
	case '"':
		return p.text(i)
	case '{', '[':
		return p.inner(i, depth)
	case 't', 'f', 'n':
		for _, word := range []string{"true", "false", "null"} {
			if bytes.HasPrefix(p.raw[i:], []byte(word)) {
				return i + len(word)
			}
		}
		return -1
	}
	return p.number(i)
}

func (p *plainJSON) inner(i, depth int) int {
	open, end := p.at(i), p.at(i)+2 // in ASCII the one that closes comes two later
	if depth == 0 {
		return -1
	}
	if p.at(i+1) == end {
		return i + 2
	}
	for i++; ; i++ {
		if open == '{' {
			if i = p.text(i); i < 0 || p.at(i) != ':' {
				return -1
			}
			i++
		}
		if i = p.value(i, depth-1); i < 0 {
			return -1
		}
		if p.at(i) != ',' {
			break
		}
	}
	if p.at(i) != end {
		return -1
	}
	return i + 1
}

func (p *plainJSON) number(i int) int {
	digits := func() bool {
		from := i
		for p.at(i) >= '0' && p.at(i) <= '9' {
			i++
		}
		return i > from
	}
	if p.at(i) == '-' {
		i++
	}
	if zero := i; !digits() || p.raw[zero] == '0' && i > zero+1 {
		return -1
	}
	if p.at(i) == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if p.at(i) == 'e' || p.at(i) == 'E' {
		if i++; p.at(i) == '+' || p.at(i) == '-' {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

// plainText, plainList and plainNumber read a value that members gave; false: it is of another type.
func plainText(value []byte, into *string) bool {
	if value[0] != '"' {
		return false
	}
	*into = string(value[1 : len(value)-1])
	return true
}

func plainList(value []byte, into *[]string) bool {
	if value[0] != '[' {
		return false
	}
	list, p := []string{}, plainJSON{raw: value}
	for i := 1; p.at(i) != ']'; {
		end := p.text(i)
		if end < 0 {
			return false
		}
		list = append(list, string(value[i+1:end-1]))
		if i = end; p.at(i) == ',' {
			i++
		}
	}
	*into = list
	return true
}

func plainNumber(value []byte, into **float64) bool {
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return false
	}
	f, err := strconv.ParseFloat(string(value), 64)
	*into = &f
	return err == nil
}

// plainly reads the claims of a token; false: it is not plain, and nothing counts of what was read.
func (c *claims) plainly(raw []byte) bool {
	when := func(value []byte, into **moment) bool {
		*into = new(moment)
		return value[0] != '"' && value[0] != 'n' && (*into).UnmarshalJSON(value) == nil
	}
	as := func(value []byte, into *json.RawMessage) bool {
		*into = value
		return value[0] == '{'
	}
	return members(raw, func(name, value []byte) bool {
		switch string(name) {
		case "iss":
			return plainText(value, &c.Issuer)
		case "sub":
			return plainText(value, &c.Subject)
		case "aud":
			if value[0] == '[' {
				return plainList(value, (*[]string)(&c.Audience))
			}
			c.Audience = make([]string, 1)
			return plainText(value, &c.Audience[0])
		case "client_id":
			return plainText(value, &c.ClientID)
		case "scope":
			return plainText(value, &c.Scope)
		case "jti":
			return plainText(value, &c.JTI)
		case "iat":
			return when(value, &c.IssuedAt)
		case "nbf":
			return when(value, &c.NotBefore)
		case "exp":
			return when(value, &c.Expires)
		case "auth_time":
			return when(value, &c.AuthTime)
		case "acr":
			return plainText(value, &c.ACR)
		case "amr":
			return plainList(value, &c.AMR)
		case "groups":
			return plainList(value, &c.Groups)
		case "roles":
			return plainList(value, &c.Roles)
		case "grant_id":
			return plainText(value, &c.GrantID)
		case "cnf":
			return as(value, &c.Cnf)
		case "call_limit":
			return as(value, &c.CallLimit)
		case "status":
			return as(value, &c.Status)
		case "act":
			return value[0] == '{' && json.Unmarshal(value, &c.Act) == nil
		case "act_status":
			return value[0] == '[' && json.Unmarshal(value, &c.ActStatus) == nil
		}
		return true
	})
}

// plainly is that of a proof's.
func (p *payload) plainly(raw []byte) bool {
	return members(raw, func(name, value []byte) bool {
		switch string(name) {
		case "jti":
			return plainText(value, &p.JTI)
		case "htm":
			return plainText(value, &p.HTM)
		case "htu":
			return plainText(value, &p.HTU)
		case "iat":
			return plainNumber(value, &p.IAT)
		case "exp":
			return plainNumber(value, &p.EXP)
		case "nbf":
			return plainNumber(value, &p.NBF)
		case "ath":
			return plainText(value, &p.ATH)
		case "nonce":
			return plainText(value, &p.Nonce)
		}
		return true
	})
}
