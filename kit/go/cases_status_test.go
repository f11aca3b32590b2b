package kit

import (
	"bytes"
	"compress/zlib"
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
		"of three bits":                m.list(nil, body{"status_list": body{"bits": 3, "lst": oneBit}}),
		"of no bits":                   m.list(nil, body{"status_list": body{"lst": oneBit}}),
		"without places":               m.list(nil, body{"status_list": body{"bits": 1}}),
		"of nothing":                   m.list(nil, body{"status_list": body{"bits": 1, "lst": packed(nil)}}),
		"that is not compressed":       m.list(nil, body{"status_list": body{"bits": 1, "lst": b64([]byte("hello"))}}),
		"that is cut off":              m.list(nil, body{"status_list": body{"bits": 1, "lst": oneBit[:8]}}),
		"that was changed":             m.list(nil, body{"status_list": body{"bits": 1, "lst": b64(append([]byte{0x78, 0x9c}, oneBit...))}}),
		"that is base64 with padding":  m.list(nil, body{"status_list": body{"bits": 1, "lst": oneBit + "=="}}),
		"of more than a mebibyte":      m.list(nil, body{"status_list": body{"bits": 1, "lst": packed(make([]byte, 1<<20+1))}}),
		"of more than it may be":       strings.Repeat("x", 300<<10),
		"that is an HTML page":         "<html>",
		"with two members of one name": m.sign("es", "ES256", `{"alg":"ES256","typ":"statuslist+jwt","kid":"es"}`, twice),
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		add("a list "+name, ErrUnavailable, first, lists[name])
	}
	add("a list without exp and ttl", "", first, m.list(nil, body{"exp": nil, "ttl": nil}))
	add("typ as a media type", "", first, m.list(header{"typ": "application/statuslist+jwt"}, nil))
	add("iss of the issuer", "", first, m.list(nil, body{"iss": issuer}))
	acting := func(list any) string { return m.token(body{"status": in(listURL, 1), "act_status": list}) }
	add("all who act are good", "", acting([]any{in(listURL, 2), in(listURL, 6)}), one)
	add("one who acts has ended", ErrInactive, acting([]any{in(listURL, 2), in(listURL, 0)}), one)
	add("one who acts has no place", ErrMalformed, acting([]any{body{}}), one)
	add("those who act are no list", ErrMalformed, acting(in(listURL, 2)), one)
	return all
}
