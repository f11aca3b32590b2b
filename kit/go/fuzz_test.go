package kit

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4/json"
)

func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer a.b.c", "dpop  x==", "Bearer a b", "Basic YTpi", "Bearer\ta", "Bearer =", "DPoP é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := parseAuthorization(value)
		if err == nil && (c.token == "" || len(c.token) > maxToken || strings.ContainsAny(c.token, " ,\"\r\n\t")) {
			t.Errorf("%q gives %q", value, c.token)
		}
	})
}

// FuzzToken: nothing that nobody signed is taken, and nothing makes it panic.
func FuzzToken(f *testing.F) {
	m := newMaker(f)
	for _, v := range m.tokens() {
		f.Add(v.Request.Headers[0][1], "")
	}
	for _, v := range m.dpop() {
		if len(v.Request.Headers) > 1 {
			f.Add(v.Request.Headers[0][1], v.Request.Headers[1][1])
		}
	}
	none := serving(issuer,
		`{"keys":[{"kty":"EC","crv":"P-256","kid":"es","x":"`+strings.Repeat("A", 43)+`","y":"`+strings.Repeat("A", 43)+`"}]}`)
	api, err := New(issuer, resource, Options{HTTP: &http.Client{Transport: none}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, authorization, proof string) {
		r := httptest.NewRequest("GET", target, nil)
		r.Header["Authorization"], r.Header["Dpop"] = []string{authorization}, []string{proof}
		if token, err := api.Verify(r); err == nil {
			t.Errorf("taken: %v", token)
		}
		_, _, _ = (&API{proofKeys: &memory[proofKey]{}}).readProof(proof)
		_, _, _ = parse([]byte(authorization))
		_, _ = parseKeys([]byte(authorization))
		_, _ = certificateOf(authorization)
	})
}

var wellFormed = regexp.MustCompile(`^DPoP( [a-z]+="([ !#-\[\]-~]|\\.)*")?$`)

func FuzzChallenge(f *testing.F) {
	for _, s := range []string{"", "a", `"`, `\`, `\"`, "\r\nSet-Cookie: a=b", "é", "a, Bearer b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if got := challenge("DPoP", [][2]string{{"scope", value}}); !wellFormed.MatchString(got) {
			t.Errorf("%q gives %q", value, got)
		}
	})
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{resource, "https://API.example:443/%7euser?q#f", "http://[::1]:80", "//x", "https://a@b/", "https://x/%zz",
		"urn:x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if n, ok := normal(raw); ok {
			if again, ok := normal(n); !ok || again != n {
				t.Errorf("%q gives %q, which gives %q", raw, n, again)
			}
		}
		api, err := New(issuer, raw, Options{})
		if err != nil {
			return
		}
		mux := http.NewServeMux()
		api.Mount(mux)
		u, err := url.Parse(api.metadata)
		if err != nil || !strings.HasPrefix(u.Path, wellKnownPath) {
			t.Errorf("%q gives %q: %v", raw, api.metadata, err)
		}
	})
}

// FuzzInflate: whatever lst is, what comes of it is bounded, and no place of it makes it panic.
func FuzzInflate(f *testing.F) {
	for _, bits := range [][]byte{{0}, {255, 0, 1}, make([]byte, 1000), make([]byte, mostStatus+1)} {
		f.Add(packed(bits), int64(9))
	}
	f.Add("", int64(0))
	f.Add("eJwDAAAAAAE", int64(1)<<62) // no places
	f.Add("eJ", int64(0))
	f.Fuzz(func(t *testing.T, lst string, index int64) {
		bits, err := inflate(lst)
		if err != nil {
			return
		}
		if len(bits) == 0 || len(bits) > mostStatus {
			t.Errorf("%d bytes", len(bits))
		}
		for _, size := range []int64{1, 2, 4, 8} {
			l := statusList{bits: bits, size: size}
			if value, err := l.at(max(index, 0)); err == nil && (value < 0 || value >= 1<<size) {
				t.Errorf("a place of %d bits has %d", size, value)
			}
		}
	})
}

// FuzzPlain: what is read without encoding/json is read as that does; anything else is left to it.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"{}", "{}{}", "{", `{"a":1,"a":2}`, `{"iss":"a","iss":"b"}`, `{"iss":"a",}`, `{"iss":"\\u0041"}`,
		`{"iss" :"a"}`,
		`{"iss":null}`, `{"aud":[]}`, `{"aud":["a","b"]}`, `{"aud":["a",1]}`, `{"aud":"a","amr":["x",]}`, `{"iat":01}`, `{"iat":-0.5e+3}`,
		`{"exp":1e999}`, `{"exp":1.}`, `{"exp":"1"}`, `{"cnf":{"jkt":"a","jkt":"b"}}`, `{"act":{"sub":"a","act":{"sub":"b"}}}`, `{"x":[[[[1]]]]}`,
		`{"x":tru}`, `{"x":{"a":[}}`, "{\"x\":\"\xff\"}", "{\"x\":\"\t\"}",
		`{"status":{"status_list":{"idx":1,"uri":"u"}}}`, `{"act_status":[{}]}`,
		`{"jti":"j","htm":"GET","htu":"u","iat":1.5,"exp":2,"nbf":3,"ath":"a","nonce":"n"}`,
		`{"call_limit":{"calls":1}}`, `{"x":true,"y":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var quick, slow claims
		if quick.plainly(raw) {
			if err := json.Unmarshal(raw, &slow); err != nil || !reflect.DeepEqual(quick, slow) {
				t.Errorf("%q: %v\n%+v\n%+v", raw, err, quick, slow)
			}
		}
		var first, second payload
		if first.plainly(raw) {
			if err := json.Unmarshal(raw, &second); err != nil || !reflect.DeepEqual(first, second) {
				t.Errorf("%q: %v\n%+v\n%+v", raw, err, first, second)
			}
		}
	})
}
