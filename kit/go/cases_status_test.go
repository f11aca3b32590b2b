package kit

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const listURL = issuer + "/status/3"

// The examples of the draft: 16 places of a bit, 12 of two.
const (
	oneBit  = "eNrbuRgAAhcBXQ"  // b9 a3
	twoBits = "eNo76fITAAPfAgc" // c9 44 f9
)

// in is a status claim.
func in(uri string, index any) body { return body{"status_list": body{"idx": index, "uri": uri}} }

// list is a status list that is good, but for the changes.
func (m *maker) list(h header, changes body) string {
	claims := changed(body{"sub": listURL, "iat": at - 2, "exp": at + 300, "ttl": 10, "status_list": body{"bits": 1, "lst": oneBit}}, changes)
	return m.sign("es", "ES256", changed(header{"alg": "ES256", "typ": "statuslist+jwt", "kid": "es"}, h), claims)
}

// packed is lst of places.
func packed(places []byte) string {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(places)
	_ = w.Close()
	return b64(out.Bytes())
}

// adding gives what adds a vector of a token and a list.
func adding(all *[]vector) func(name string, reason Reason, token, list string) {
	return func(name string, reason Reason, token, list string) {
		v := vector{Name: name, Request: bearer(token), Want: allowed(), Lists: map[string]string{listURL: list}}
		if reason != "" {
			v.Want = refused(reason, false, "")
		}
		*all = append(*all, v)
	}
}

func (m *maker) statuses() (all []vector) {
	add := adding(&all)
	at16 := func(index any) string { return m.token(body{"status": in(listURL, index)}) }
	one, two := m.list(nil, nil), m.list(nil, body{"status_list": body{"bits": 2, "lst": twoBits}})
	for index, ended := range []bool{true, false, false, true, true, true, false, true, true, true, false, false, false, true, false, true} {
		reason := Reason("")
		if ended {
			reason = ErrInactive
		}
		add("a list of one bit, place "+string(rune('a'+index)), reason, at16(index), one)
	}
	for index, value := range []int{1, 2, 0, 3, 0, 1} {
		reason := Reason("")
		if value != 0 {
			reason = ErrInactive
		}
		add("a list of two bits, place "+string(rune('a'+index)), reason, at16(index), two)
	}
	for _, bits := range []int{4, 8} {
		wide := m.list(nil, body{"status_list": body{"bits": bits, "lst": packed([]byte{0x10, 0x00, 0x02})}})
		name := "four bits"
		good, bad := 0, 1
		if bits == 8 {
			name, good, bad = "eight bits", 1, 2
		}
		add("a list of "+name+", good", "", at16(good), wide)
		add("a list of "+name+", ended", ErrInactive, at16(bad), wide)
	}
	add("a place behind the end", ErrMalformed, at16(16), one)
	add("a place far behind the end", ErrMalformed, at16(int64(1)<<52), one)
	add("a place before the first", ErrMalformed, at16(-1), one)
	add("a place between two", ErrMalformed, at16(1.5), one)
	add("a place that is a whole number with a fraction of nothing", ErrInactive, at16(json.RawMessage("3.0")), one)
	add("a place with an exponent", "", at16(json.RawMessage("1e0")), one)
	add("a place that no number has exactly", ErrMalformed, at16(json.RawMessage("9007199254740993")), one)
	add("a place beyond all numbers", ErrMalformed, at16(json.RawMessage("1e300")), one)
	add("a place that is null", ErrMalformed, at16(json.RawMessage("null")), one)
	add("a place as a text", ErrMalformed, at16("1"), one)
	add("no place", ErrMalformed, at16(nil), one)
	add("no address", ErrMalformed, m.token(body{"status": body{"status_list": body{"idx": 1}}}), one)
	add("a status of another kind", ErrMalformed, m.token(body{"status": body{"other": body{}}}), one)
	add("a status that is a text", ErrMalformed, m.token(body{"status": "good"}), one)
	uris := map[string]string{
		"a list of somebody else":             "https://evil.example/status/3",
		"a list at a host that begins alike":  issuer + ".evil.example/status/3",
		"a list of a user at another host":    "https://id.example@evil.example/status/3",
		"a list above the issuer":             issuer + "/../status/3",
		"a list that is not protected by TLS": "http://id.example/status/3",
		"a list in a file":                    "file:///etc/passwd",
		"a list inside the network":           "http://169.254.169.254/latest",
	}
	for _, name := range slices.Sorted(maps.Keys(uris)) {
		uri := uris[name]
		all = append(all, vector{Name: name, Request: bearer(m.token(body{"status": in(uri, 1)})), Want: refused(ErrMalformed, false, ""),
			Lists: map[string]string{uri: m.list(nil, body{"sub": uri})}})
	}
	return append(all, m.lists(one)...)
}

// lists are those that are good or not, for a token that has a place in one.
func (m *maker) lists(one string) (all []vector) {
	add, first := adding(&all), m.token(body{"status": in(listURL, 1)})
	claims := body{"sub": listURL, "iat": at - 2, "status_list": body{"bits": 1, "lst": oneBit}}
	lst := func(bits any, lst string) string {
		return m.list(nil, body{"status_list": body{"bits": bits, "lst": lst}})
	}
	zipped, _ := base64.RawURLEncoding.DecodeString(oneBit)
	twice := `{"sub":"` + listURL + `",` + string(m.json(claims))[1:]
	add("no such list", ErrUnavailable, first, "")
	lists := map[string]string{
		"typ of an access token":       m.list(header{"typ": "at+jwt"}, nil),
		"typ JWT":                      m.list(header{"typ": "JWT"}, nil),
		"none":                         m.list(header{"alg": "none"}, nil),
		"no key":                       m.list(header{"kid": nil}, nil),
		"a key of a stranger":          m.sign("stranger", "ES256", header{"alg": "ES256", "typ": "statuslist+jwt", "kid": "es"}, claims),
		"crit":                         m.list(header{"crit": []string{"exp"}}, nil),
		"about another list":           m.list(nil, body{"sub": issuer + "/status/4"}),
		"about nothing":                m.list(nil, body{"sub": nil}),
		"of another issuer":            m.list(nil, body{"iss": "https://evil.example"}),
		"without iat":                  m.list(nil, body{"iat": nil}),
		"from the future":              m.list(nil, body{"iat": at + 31}),
		"over":                         m.list(nil, body{"exp": at - 11}),
		"of three bits":                lst(3, oneBit),
		"of no bits":                   m.list(nil, body{"status_list": body{"lst": oneBit}}),
		"without places":               m.list(nil, body{"status_list": body{"bits": 1}}),
		"of nothing":                   lst(1, packed(nil)),
		"that is not compressed":       lst(1, b64([]byte("hello"))),
		"that is cut off":              lst(1, oneBit[:8]),
		"without its checksum":         lst(1, b64(zipped[:len(zipped)-4])),
		"with another checksum":        lst(1, b64(append(slices.Clone(zipped[:len(zipped)-1]), 7))),
		"with something behind it":     lst(1, b64(append(slices.Clone(zipped), 0))),
		"of 64 MiB of nothing":         lst(1, packed(make([]byte, 64<<20))),
		"of bits as a text":            lst("1", oneBit),
		"of one bit and a half":        lst(1.5, oneBit),
		"of many bits":                 lst(json.RawMessage("1e300"), oneBit),
		"of negative bits":             lst(-1, oneBit),
		"with two lists in it":         m.list(nil, body{"status_list": json.RawMessage(`{"bits":1,"lst":"","lst":"` + oneBit + `"}`)}),
		"that is an access token":      first,
		"that was changed":             lst(1, b64(append([]byte{0x78, 0x9c}, oneBit...))),
		"that is base64 with padding":  lst(1, oneBit+"=="),
		"of more than a mebibyte":      lst(1, packed(make([]byte, 1<<20+1))),
		"of more than it may be":       strings.Repeat("x", 300<<10),
		"that is an HTML page":         "<html>",
		"with two members of one name": m.sign("es", "ES256", `{"alg":"ES256","typ":"statuslist+jwt","kid":"es"}`, twice),
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		add("a list "+name, ErrUnavailable, first, lists[name])
	}
	add("a list without exp and ttl", "", first, m.list(nil, body{"exp": nil, "ttl": nil}))
	add("a list of one bit, as 1.0", "", first, lst(json.RawMessage("1.0"), oneBit))
	add("typ as a media type", "", first, m.list(header{"typ": "application/statuslist+jwt"}, nil))
	add("iss of the issuer", "", first, m.list(nil, body{"iss": issuer}))
	acting := func(list any) string { return m.token(body{"status": in(listURL, 1), "act_status": list}) }
	add("all who act are good", "", acting([]any{in(listURL, 2), in(listURL, 6)}), one)
	add("one who acts has ended", ErrInactive, acting([]any{in(listURL, 2), in(listURL, 0)}), one)
	add("one who acts has no place", ErrMalformed, acting([]any{body{}}), one)
	add("those who act are no list", ErrMalformed, acting(in(listURL, 2)), one)
	return all
}
