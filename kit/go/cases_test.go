package kit

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
)

func (m *maker) suites() map[string]*suite {
	return map[string]*suite{
		"tokens": {About: "Which access tokens are good: form, key, signature, claims.", Vectors: m.tokens()},
		"requests": {About: "What a request has to send, what a handler may demand, and what it is answered.",
			Vectors: m.requests()},
		"dpop":         {About: "Tokens that are bound to a key, and proofs (RFC 9449).", Vectors: m.dpop()},
		"certificates": {About: "Tokens that are bound to a certificate (RFC 8705).", Vectors: m.certificates()},
		"status":       {About: "Tokens that name their place in a status list (IETF Token Status List).", Vectors: m.statuses()},
		"introspection": {About: "Tokens that the issuer is asked about (RFC 7662), and signed answers (RFC 9701).",
			Vectors: m.introspections()},
		"agents": {About: "Tokens of agents: who acts, and how often.", Vectors: m.agents()},
	}
}

// takes is a vector of a bearer token that is taken.
func takes(name, token string) vector {
	return vector{Name: name, Request: bearer(token), Want: allowed()}
}

// drops is one of a bearer token that is refused.
func drops(reason Reason, name, token string) vector {
	return vector{Name: name, Request: bearer(token), Want: refused(reason, false, "")}
}

func (m *maker) tokens() (list []vector) {
	list = append(list, m.forms()...)
	list = append(list, m.headers()...)
	list = append(list, m.signatures()...)
	list = append(list, m.claims()...)
	return append(list, m.times()...)
}

func (m *maker) forms() []vector {
	t := m.token(nil)
	parts := strings.Split(t, ".")
	long := m.token(body{"more": strings.Repeat("x", 13<<10)})
	full := m.token(body{"more": strings.Repeat("x", 11<<10)})
	return []vector{
		takes("good", t),
		takes("almost 16 KiB", full),
		drops(ErrMalformed, "more than 16 KiB", long),
		drops(ErrMalformed, "32 KiB of nothing", strings.Repeat("a", 32<<10)),
		drops(ErrMalformed, "one part", parts[0]),
		drops(ErrMalformed, "two parts", parts[0]+"."+parts[1]),
		drops(ErrMalformed, "four parts", t+"."+parts[2]),
		drops(ErrMalformed, "five parts, as an encrypted one has", t+".a.b"),
		drops(ErrMalformed, "only dots", ".."),
		drops(ErrMalformed, "not base64url", "%%%."+parts[1]+"."+parts[2]),
		drops(ErrMalformed, "padded", parts[0]+"=."+parts[1]+"."+parts[2]),
		drops(ErrMalformed, "base64 in place of base64url", strings.ReplaceAll(parts[0], "-", "+")+"."+parts[1]+"."+"ab+/"),
		drops(ErrMalformed, "the header is not JSON", m.sign("es", "ES256", "alg: ES256", good(nil))),
		drops(ErrMalformed, "the header is a list", m.sign("es", "ES256", `["ES256"]`, good(nil))),
		drops(ErrMalformed, "the payload is not JSON", m.sign("es", "ES256", `{"alg":"ES256","typ":"at+jwt","kid":"es"}`, "hello")),
		drops(ErrMalformed, "the payload is a list", m.sign("es", "ES256", `{"alg":"ES256","typ":"at+jwt","kid":"es"}`, "[1]")),
		drops(ErrMalformed, "the payload is empty", m.sign("es", "ES256", `{"alg":"ES256","typ":"at+jwt","kid":"es"}`, "")),
		drops(ErrMalformed, "something behind the claims", m.sign("es", "ES256", `{"alg":"ES256","typ":"at+jwt","kid":"es"}`,
			string(m.json(good(nil)))+`{}`)),
		{Name: "a line break", Request: bearer(parts[0] + ".\t" + parts[1] + "." + parts[2]), Want: refused(ErrMalformed, false, "")},
		drops(ErrMalformed, "two tokens", t+" "+t),
		drops(ErrMalformed, "two tokens with a comma", t+","+t),
	}
}

func (m *maker) headers() []vector {
	public := m.keys["stranger"]
	own := public.Public()
	embedded := m.sign("stranger", "ES256", header{"alg": "ES256", "typ": "at+jwt", "jwk": own}, good(nil))
	both := m.sign("stranger", "ES256", header{"alg": "ES256", "typ": "at+jwt", "kid": "es", "jwk": own}, good(nil))
	address := "https://evil.example/jwks"
	claims := string(m.json(good(nil)))
	return []vector{
		takes("typ in other letters", m.headed(header{"typ": "AT+JWT"})),
		takes("typ as a media type", m.headed(header{"typ": "application/at+jwt"})),
		drops(ErrType, "typ JWT: an ID token", m.headed(header{"typ": "JWT"})),
		drops(ErrType, "no typ", m.headed(header{"typ": nil})),
		drops(ErrType, "a logout token", m.headed(header{"typ": "logout+jwt"})),
		drops(ErrType, "a proof", m.headed(header{"typ": "dpop+jwt"})),
		drops(ErrType, "a refresh token", m.headed(header{"typ": "rt+jwt"})),
		drops(ErrType, "userinfo as a JWT", m.headed(header{"typ": "userinfo+jwt"})),
		drops(ErrType, "an answer of introspection", m.headed(header{"typ": "token-introspection+jwt"})),
		drops(ErrType, "typ with a blank", m.headed(header{"typ": "at+jwt "})),
		drops(ErrType, "typ with a parameter", m.headed(header{"typ": "application/at+jwt; v=1"})),
		drops(ErrKey, "no kid", m.headed(header{"kid": nil})),
		drops(ErrKey, "a kid that nobody has", m.headed(header{"kid": "made-up"})),
		drops(ErrKey, "a kid as a path", m.headed(header{"kid": "../../dev/null"})),
		drops(ErrKey, "a kid as SQL", m.headed(header{"kid": "es' OR '1'='1"})),
		drops(ErrKey, "a kid in other letters", m.headed(header{"kid": "ES"})),
		drops(ErrKey, "a kid of a member of every object", m.headed(header{"kid": "__proto__"})),
		drops(ErrKey, "the stranger's key in jwk", embedded),
		drops(ErrSignature, "the stranger's key in jwk beside a good kid", both),
		drops(ErrSignature, "the stranger's keys at jku", m.sign("stranger", "ES256",
			header{"alg": "ES256", "typ": "at+jwt", "kid": "es", "jku": address}, good(nil))),
		takes("jku and x5u are not looked at", m.headed(header{"jku": address, "x5u": address})),
		takes("jwk is not looked at", m.headed(header{"jwk": own})),
		drops(ErrMalformed, "crit", m.headed(header{"crit": []string{"exp"}, "exp": 1})),
		drops(ErrMalformed, "crit with what is known", m.headed(header{"crit": []string{"b64"}, "b64": true})),
		drops(ErrMalformed, "an empty crit", m.headed(header{"crit": []string{}})),
		drops(ErrMalformed, "b64", m.headed(header{"b64": true})),
		drops(ErrMalformed, "zip", m.headed(header{"zip": "DEF"})),
		drops(ErrMalformed, "two alg members", m.sign("es", "ES256", `{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"es"}`, claims)),
		drops(ErrMalformed, "two typ members", m.sign("es", "ES256", `{"alg":"ES256","typ":"JWT","typ":"at+jwt","kid":"es"}`, claims)),
	}
}

func (m *maker) signatures() []vector {
	claims := good(nil)
	head := func(alg, kid string) header { return header{"alg": alg, "typ": "at+jwt", "kid": kid} }
	input := func(h header) string { return b64(m.json(h)) + "." + b64(m.json(claims)) }
	public := m.keys["rs"]
	der, err := x509.MarshalPKIXPublicKey(public.Public().Key)
	if err != nil {
		m.t.Fatal(err)
	}
	mac := func(kid string, key []byte) string {
		in := input(head("HS256", kid))
		h := hmac.New(sha256.New, key)
		h.Write([]byte(in))
		return in + "." + b64(h.Sum(nil))
	}
	es := m.token(nil)
	tampered := strings.Split(es, ".")
	tampered[1] = b64(m.json(good(body{"sub": "eve"})))
	zero := input(head("ES256", "es")) + "." + b64(make([]byte, 64))
	signed, err := m.keys["es"].Key.(*ecdsa.PrivateKey).Sign(nil, sum(input(head("ES256", "es"))), sha256Hash)
	if err != nil {
		m.t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	only := func(v vector, algs ...string) vector {
		v.Options.Algorithms = algs
		return v
	}
	return []vector{
		takes("RS256", m.sign("rs", "RS256", head("RS256", "rs"), claims)),
		takes("PS256", m.sign("ps", "PS256", head("PS256", "ps"), claims)),
		takes("EdDSA", m.sign("ed", "EdDSA", head("EdDSA", "ed"), claims)),
		takes("PS256 with a key that says no algorithm", m.sign("any-rsa", "PS256", head("PS256", "any-rsa"), claims)),
		only(takes("ES384 where it is allowed", m.sign("es384", "ES384", head("ES384", "es384"), claims)), "ES384"),
		drops(ErrAlgorithm, "ES384 where it is not", m.sign("es384", "ES384", head("ES384", "es384"), claims)),
		only(drops(ErrAlgorithm, "ES256 where it is not allowed", es), "RS256"),
		drops(ErrAlgorithm, "none", input(head("none", "es"))+"."),
		drops(ErrAlgorithm, "none in other letters", input(head("nOnE", "es"))+"."),
		drops(ErrAlgorithm, "none with a signature", input(head("none", "es"))+"."+tampered[2]),
		drops(ErrMalformed, "no alg", input(header{"typ": "at+jwt", "kid": "es"})+"."+tampered[2]),
		drops(ErrAlgorithm, "alg in small letters", input(head("es256", "es"))+"."+tampered[2]),
		drops(ErrAlgorithm, "HS256 with the public key in PEM", mac("rs", pemKey)),
		drops(ErrAlgorithm, "HS256 with the public key in DER", mac("rs", der)),
		drops(ErrAlgorithm, "HS256 with an empty key", mac("es", nil)),
		drops(ErrKey, "RS256 by a key for PS256", m.sign("ps", "RS256", head("RS256", "ps"), claims)),
		drops(ErrKey, "RS256 by a curve's kid", m.sign("rs", "RS256", head("RS256", "es"), claims)),
		drops(ErrKey, "a key of 1024 bits", m.sign("weak", "RS256", head("RS256", "weak"), claims)),
		drops(ErrKey, "a key for encryption", m.sign("enc", "ES256", head("ES256", "enc"), claims)),
		drops(ErrSignature, "a stranger's signature", m.sign("stranger", "ES256", head("ES256", "es"), claims)),
		drops(ErrSignature, "changed claims", strings.Join(tampered, ".")),
		drops(ErrSignature, "no signature", strings.TrimSuffix(es, tampered[2])),
		drops(ErrSignature, "r and s are zero", zero),
		drops(ErrSignature, "a signature in DER", input(head("ES256", "es"))+"."+b64(signed)),
		drops(ErrSignature, "a signature that is too long", es+"AAAA"),
	}
}

func (m *maker) claims() []vector {
	with := func(name string, value any) string { return m.token(body{name: value}) }
	text := func(from, to string) string {
		raw := string(m.json(good(nil)))
		if !strings.Contains(raw, from) {
			m.t.Fatalf("no %s in %s", from, raw)
		}
		return m.sign("es", "ES256", header{"alg": "ES256", "typ": "at+jwt", "kid": "es"}, strings.Replace(raw, from, to, 1))
	}
	scopeless, further, acting := takes("no scope", with("scope", nil)), takes("a further spelling", with("aud", resource+"/")),
		takes("somebody acts for the person", with("act", body{"sub": "agent", "act": body{"sub": "first"}}))
	scopeless.Want.Scopes, further.Options.Audiences = nil, []string{resource + "/"}
	acting.Want.Actors = []string{"agent", "first"}
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	list := []vector{
		scopeless, further, acting,
		takes("aud is a list", with("aud", []string{issuer, resource})),
		takes("a claim that nobody knows", with("colour", []any{"red", 1, nil})),
		takes("the same claim twice, deep inside another", text(`"sub"`, `"x":{"y":1},"sub"`)),
		drops(ErrIssuer, "another issuer", with("iss", "https://evil.example")),
		drops(ErrIssuer, "the issuer with a slash", with("iss", issuer+"/")),
		drops(ErrIssuer, "the issuer in other letters", with("iss", "https://ID.example")),
		drops(ErrIssuer, "no iss", with("iss", nil)),
		drops(ErrAudience, "another API", with("aud", "https://other.example")),
		drops(ErrAudience, "the issuer itself", with("aud", issuer)),
		drops(ErrAudience, "the client: an ID token's", with("aud", "app")),
		drops(ErrAudience, "a beginning of ours", with("aud", "https://api.example")),
		drops(ErrAudience, "more than ours", with("aud", resource+"/notes")),
		drops(ErrAudience, "ours with a slash", with("aud", resource+"/")),
		drops(ErrAudience, "ours in other letters", with("aud", "https://API.example/v1")),
		drops(ErrAudience, "ours inside a text", with("aud", issuer+" "+resource)),
		drops(ErrAudience, "an empty list", with("aud", []string{})),
		drops(ErrAudience, "no aud", with("aud", nil)),
		drops(ErrMalformed, "a list in a list", with("aud", []any{[]string{resource}})),
		drops(ErrMalformed, "aud is an object", with("aud", body{resource: true})),
		drops(ErrMalformed, "aud has a number", with("aud", []any{resource, 1})),
		drops(ErrMalformed, "no sub", with("sub", nil)),
		drops(ErrMalformed, "sub is a number", with("sub", 7)),
		drops(ErrMalformed, "no client_id", with("client_id", nil)),
		drops(ErrMalformed, "no jti", with("jti", nil)),
		drops(ErrMalformed, "no iat", with("iat", nil)),
		drops(ErrMalformed, "scope is a list", with("scope", []string{"notes:read"})),
		drops(ErrMalformed, "two aud members", text(`"aud"`, `"aud":"https://other.example","aud"`)),
		drops(ErrMalformed, "two exp members", text(`"exp"`, `"exp":1,"exp"`)),
		drops(ErrMalformed, "two members of a name that nobody reads", text(`"exp"`, `"x":1,"x":1,"exp"`)),
		drops(ErrMalformed, "two spellings of one name", text(`"aud"`, `"\u0061ud":"https://other.example","aud"`)),
		takes("names in other letters are other names", text(`"aud"`, `"AUD":"https://other.example","aud"`)),
		drops(ErrMalformed, "cnf is a text", with("cnf", "jkt")),
		drops(ErrBinding, "cnf is empty", with("cnf", body{})),
		drops(ErrMalformed, "jkt is a number", with("cnf", body{"jkt": 1})),
		drops(ErrBinding, "cnf of a kind that nobody knows", with("cnf", body{"jwk": body{"kty": "EC"}})),
		drops(ErrBinding, "a token that is bound to a key, as Bearer", with("cnf", body{"jkt": m.thumbprint("client")})),
	}
	return append(list, vector{Name: "lists, 9,000 deep", Request: bearer(text(`"sub"`, `"x":`+deep+`,"sub"`)),
		Want: refused(ErrMalformed, false, ""), Why: "more than 16 KiB; a smaller one may be taken or refused"})
}

func (m *maker) times() []vector {
	with := func(name string, value any) string { return m.token(body{name: value}) }
	return []vector{
		takes("ended 9 seconds ago", with("exp", at-9)),
		drops(ErrExpired, "ended 10 seconds ago", with("exp", at-10)),
		drops(ErrExpired, "ended a year ago", with("exp", at-31_536_000)),
		drops(ErrExpired, "exp is zero", with("exp", 0)),
		drops(ErrExpired, "exp is negative", with("exp", -1)),
		drops(ErrMalformed, "no exp", with("exp", nil)),
		drops(ErrMalformed, "exp is a text", with("exp", fmt.Sprint(at+600))),
		drops(ErrMalformed, "exp is beyond all clocks", with("exp", json.RawMessage("1e300"))),
		takes("exp has a fraction", with("exp", json.RawMessage(fmt.Sprint(at)+"600.5e-3"))),
		takes("made 30 seconds ahead", with("iat", at+30)),
		drops(ErrEarly, "made 31 seconds ahead", with("iat", at+31)),
		takes("valid in 30 seconds", with("nbf", at+30)),
		drops(ErrEarly, "valid in 31 seconds", with("nbf", at+31)),
	}
}

func (m *maker) requests() (list []vector) {
	t := m.token(nil)
	none := func(name string, r vectorReq) vector {
		return vector{Name: name, Request: r, Want: refused(ErrNoToken, false, "")}
	}
	bad := func(name string, r vectorReq) vector {
		return vector{Name: name, Request: r, Want: refused(ErrRequest, false, "")}
	}
	take := func(name string, r vectorReq) vector { return vector{Name: name, Request: r, Want: allowed()} }
	at := func(r vectorReq, query string) vectorReq {
		r.URL += query
		return r
	}
	list = []vector{
		none("no token", get()),
		none("another scheme", get("Authorization", "Basic YTpi")),
		none("a scheme without a token", get("Authorization", "Bearer")),
		none("a scheme and blanks", get("Authorization", "Bearer   ")),
		none("an empty header", get("Authorization", "")),
		none("a scheme that begins alike", get("Authorization", "BearerX "+t)),
		take("the scheme in other letters", get("Authorization", "bEARER "+t)),
		take("several blanks", get("Authorization", "Bearer   "+t)),
		bad("two headers", get("Authorization", "Bearer "+t, "Authorization", "Bearer "+t)),
		bad("two headers of two schemes", get("Authorization", "Basic YTpi", "Authorization", "Bearer "+t)),
		bad("a token in the URL", at(get(), "?access_token="+t)),
		bad("a token in the URL, and in the header", at(bearer(t), "?x=1&access_token="+t)),
		bad("a token in the URL, in disguise", at(get(), "?%61ccess_token="+t)),
		take("another parameter in the URL", at(bearer(t), "?my_access_token=1")),
		{Name: "the issuer is away", Issuer: "away", Request: bearer(t), Want: refused(ErrUnavailable, false, "")},
		{Name: "the issuer is broken", Issuer: "broken", Request: bearer(t), Want: refused(ErrUnavailable, false, "")},
		{Name: "the issuer is away, and the token is none", Issuer: "away", Request: bearer("x.y"), Want: refused(ErrMalformed, false, "")},
		{Name: "no token where scopes are needed", Demand: vectorWants{Scopes: []string{"notes:read", "notes:write"}}, Request: get(),
			Want: refused(ErrNoToken, false, `scope="notes:read notes:write"`)},
		{Name: "base URL of another path", Options: vectorOpts{BaseURL: "https://api.example"}, Request: bearer(t), Want: allowed()},
	}
	return append(list, m.demands()...)
}

func (m *maker) demands() (list []vector) {
	ask := func(name string, d vectorWants, token body, reason Reason, more string) {
		v := vector{Name: name, Demand: d, Request: bearer(m.token(token)), Want: allowed()}
		if reason != "" {
			v.Want = refused(reason, false, more)
		}
		list = append(list, v)
	}
	read, write := []string{"notes:read"}, []string{"notes:read", "notes:write"}
	age := new(int64(300))
	ask("a scope that is there", vectorWants{Scopes: read}, nil, "", "")
	ask("a scope that is missing: all are told", vectorWants{Scopes: write}, nil, ErrScope, `scope="notes:read notes:write"`)
	ask("a scope that begins alike", vectorWants{Scopes: []string{"notes"}}, nil, ErrScope, `scope="notes"`)
	ask("a scope in other letters", vectorWants{Scopes: []string{"Notes:read"}}, nil, ErrScope, `scope="Notes:read"`)
	ask("a space that parts no scopes (RFC 6749 section 3.3)", vectorWants{Scopes: read}, body{"scope": "profile\u00a0notes:read"}, ErrScope,
		`scope="notes:read"`)
	ask("a line that parts no scopes", vectorWants{Scopes: read}, body{"scope": "profile\nnotes:read"}, ErrScope, `scope="notes:read"`)
	ask("one of several scopes", vectorWants{AnyScope: []string{"notes:admin", "notes:read"}}, nil, "", "")
	ask("none of several scopes: the first is told", vectorWants{AnyScope: []string{"notes:write", "notes:admin"}}, nil, ErrScope,
		`scope="notes:write"`)
	ask("both kinds", vectorWants{Scopes: read, AnyScope: []string{"notes:write", "notes:admin"}}, nil, ErrScope,
		`scope="notes:read notes:write"`)
	ask("signed in a moment ago", vectorWants{MaxAge: age}, body{"auth_time": at - 300}, "", "")
	ask("signed in too long ago", vectorWants{MaxAge: age}, body{"auth_time": at - 301}, ErrSignIn, `max_age="300"`)
	ask("nobody signed in", vectorWants{MaxAge: age}, nil, ErrSignIn, `max_age="300"`)
	ask("a good class", vectorWants{ACR: []string{"2"}}, body{"acr": "2"}, "", "")
	ask("one of two classes", vectorWants{ACR: []string{"3", "2"}}, body{"acr": "2"}, "", "")
	ask("a weak class", vectorWants{ACR: []string{"3", "2"}}, body{"acr": "1"}, ErrSignIn, `acr_values="3 2"`)
	ask("no class", vectorWants{ACR: []string{"2"}}, nil, ErrSignIn, `acr_values="2"`)
	ask("weak and long ago", vectorWants{ACR: []string{"2"}, MaxAge: age}, body{"acr": "1", "auth_time": 1}, ErrSignIn,
		`acr_values="2", max_age="300"`)
	ask("a missing scope is told before a weak sign-in", vectorWants{Scopes: write, ACR: []string{"2"}}, nil, ErrScope,
		`scope="notes:read notes:write"`)
	ask("bound to nothing where it has to be", vectorWants{Bound: true}, nil, ErrBinding, "")
	ask("an expired token is told before all", vectorWants{Scopes: write}, body{"exp": 1}, ErrExpired, "")
	return list
}
