package kit

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
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

func (m *maker) dpop() []vector {
	token := m.token(body{"cnf": body{"jkt": m.thumbprint("client")}})
	is := func(name string, reason Reason, r vectorReq) vector {
		v := vector{Name: name, Request: r, Want: allowed()}
		if reason != "" {
			v.Want = refused(reason, true, "")
		}
		return v
	}
	with := func(name string, value any) vectorReq { return withProof(token, m.proof(token, body{name: value})) }
	headed := func(h header) vectorReq { return withProof(token, m.proofWith("client", "ES256", token, h, nil)) }
	key := m.keys["client"]
	rsaToken, edToken := m.token(body{"cnf": body{"jkt": m.thumbprint("client-rsa")}}), m.token(
		body{"cnf": body{"jkt": m.thumbprint("client-ed")}})
	forged := strings.Split(m.proof(token, nil), ".")
	forged[1] = strings.Split(m.proof(token, body{"jti": "p-2"}), ".")[1]
	good := withProof(token, m.proof(token, nil))
	twice := good
	twice.Headers = append(twice.Headers[:2:2], twice.Headers[1])
	post := good
	post.Method = "POST"
	list := []vector{
		is("good", "", good),
		is("the scheme in other letters", "", get("Authorization", "dpop "+token, "DPoP", m.proof(token, nil))),
		is("PS256", "", withProof(rsaToken, m.proofWith("client-rsa", "PS256", rsaToken, nil, nil))),
		is("EdDSA", "", withProof(edToken, m.proofWith("client-ed", "EdDSA", edToken, nil, nil))),
		is("no proof", ErrProof, get("Authorization", "DPoP "+token)),
		is("two proofs", ErrProof, twice),
		is("a proof that is none", ErrProof, withProof(token, "x.y.z")),
		is("more than 8 KiB", ErrProof, with("more", strings.Repeat("x", 9<<10))),
		is("a token that is bound to nothing, as DPoP", ErrBinding, withProof(m.token(nil), m.proof(m.token(nil), nil))),
		is("the proof of another key", ErrBinding, withProof(token, m.proofWith("stranger", "ES256", token, nil, nil))),
		is("another key in jwk", ErrProof, withProof(token, m.proofWith("stranger", "ES256", token, header{"jwk": key.Public()}, nil))),
		is("changed claims", ErrProof, withProof(token, strings.Join(forged, "."))),
		is("a private key in jwk", ErrProof, headed(header{"jwk": key})),
		is("no jwk", ErrProof, headed(header{"jwk": nil})),
		is("typ JWT", ErrProof, headed(header{"typ": "JWT"})),
		is("typ of a token", ErrProof, headed(header{"typ": "at+jwt"})),
		is("none", ErrProof, headed(header{"alg": "none"})),
		is("HS256", ErrProof, headed(header{"alg": "HS256"})),
		is("ES384 by a key of P-256", ErrProof, headed(header{"alg": "ES384"})),
		is("crit", ErrProof, headed(header{"crit": []string{"b64"}, "b64": true})),
		is("another method", ErrProof, post),
		is("htm in small letters", ErrProof, with("htm", "get")),
		is("no htm", ErrProof, with("htm", nil)),
		is("another address", ErrProof, with("htu", "https://api.example/v1/other")),
		is("another host", ErrProof, with("htu", "https://other.example/v1/notes")),
		is("another scheme", ErrProof, with("htu", "http://api.example/v1/notes")),
		is("a slash more", ErrProof, with("htu", target+"/")),
		is("a path in other letters", ErrProof, with("htu", "https://api.example/v1/Notes")),
		is("htu without a host", ErrProof, with("htu", "/v1/notes")),
		is("htu with a user", ErrProof, with("htu", "https://a@api.example/v1/notes")),
		is("no htu", ErrProof, with("htu", nil)),
		is("htu with a query and a fragment", "", with("htu", target+"?a=b#c")),
		is("htu with a port, the host in other letters", "", with("htu", "HTTPS://API.example:443/v1/notes")),
		is("htu with percent-encoding", "", with("htu", "https://api.example/v1/%6Eotes")),
		is("no ath", ErrProof, with("ath", nil)),
		is("ath of another token", ErrProof, with("ath", b64(sum("other")))),
		is("ath with padding", ErrProof, with("ath", base64.URLEncoding.EncodeToString(sum(token)))),
		is("no jti", ErrProof, with("jti", nil)),
		is("a jti of 257 bytes", ErrProof, with("jti", strings.Repeat("j", 257))),
		is("no iat", ErrProof, with("iat", nil)),
		is("iat is a text", ErrProof, with("iat", fmt.Sprint(at))),
		is("a minute old", "", with("iat", at-60)),
		is("more than a minute old", ErrProof, with("iat", at-61)),
		is("30 seconds ahead", "", with("iat", at+30)),
		is("31 seconds ahead", ErrProof, with("iat", at+31)),
		is("exp is over", ErrProof, with("exp", at)),
		is("valid in 30 seconds", "", with("nbf", at+30)),
		is("valid in 31 seconds", ErrProof, with("nbf", at+31)),
		is("a nonce where none is needed", "", with("nonce", "of another server")),
	}
	return append(list, m.proofStates(token)...)
}

// proofStates are vectors that depend on what was before, and on options.
func (m *maker) proofStates(token string) []vector {
	good := withProof(token, m.proof(token, nil))
	again := withProof(token, m.proof(token, body{"iat": at - 1}))
	other := withProof(token, m.proof(token, body{"jti": "p-2"}))
	key := sum("nonces")
	keys := vectorOpts{NonceKeys: []string{b64(key)}}
	nonce := func(n string) vectorReq { return withProof(token, m.proof(token, body{"nonce": n})) }
	current := nonceAt(key, at)
	need := refused(ErrNonce, true, "")
	need.Nonce = current
	renewed := allowed()
	renewed.Nonce = current
	required := vectorOpts{DPoPRequired: true}
	alone := func(reason Reason) outcome {
		o := refused(reason, true, "")
		o.Challenge = o.Challenge[:1]
		return o
	}
	strip := withProof(token, m.proof(token, body{"htu": "https://api.example/outside/v1/notes"}))
	return []vector{
		{Name: "the same proof again", Before: []vectorReq{good}, Request: good, Want: refused(ErrReplay, true, "")},
		{Name: "the same proof again, a minute later", Before: []vectorReq{good}, Wait: 29, Request: good, Want: refused(ErrReplay, true, "")},
		{Name: "the same jti in another proof", Before: []vectorReq{again}, Request: good, Want: refused(ErrReplay, true, "")},
		{Name: "another jti", Before: []vectorReq{other}, Request: good, Want: allowed()},
		{Name: "a proof that was refused is not used up", Before: []vectorReq{get("Authorization", "Bearer "+token, "DPoP", good.Headers[1][1])},
			Request: good, Want: allowed()},
		{Name: "no nonce where one is needed", Options: keys, Request: good, Want: need},
		{Name: "a nonce that nobody gave", Options: keys, Request: nonce("made-up"), Want: need},
		{Name: "the nonce", Options: keys, Request: nonce(current), Want: allowed()},
		{Name: "the nonce of before: there is a newer one", Options: keys, Request: nonce(nonceAt(key, at-120)), Want: renewed},
		{Name: "an old nonce", Options: keys, Request: nonce(nonceAt(key, at-240)), Want: need},
		{Name: "the nonce of a key of before", Options: vectorOpts{NonceKeys: []string{b64(key), b64(sum("old"))}},
			Request: nonce(nonceAt(sum("old"), at)), Want: renewed},
		{Name: "DPoP is compulsory: no token", Options: required, Request: get(), Want: alone(ErrNoToken)},
		{Name: "DPoP is compulsory: bound to nothing", Options: required, Request: bearer(m.token(nil)), Want: alone(ErrBinding)},
		{Name: "DPoP is compulsory: good", Options: required, Request: good, Want: allowed()},
		{Name: "a proxy takes a path away", Options: vectorOpts{BaseURL: "https://api.example/outside"}, Request: strip, Want: allowed()},
		{Name: "the path that a proxy takes away is missing", Options: vectorOpts{BaseURL: "https://api.example/outside"}, Request: good,
			Want: refused(ErrProof, true, "")},
		{Name: "a demand for what is bound", Demand: vectorWants{Bound: true}, Request: good, Want: allowed()},
		{Name: "a missing scope, as DPoP", Demand: vectorWants{Scopes: []string{"notes:write"}}, Request: good,
			Want: refused(ErrScope, true, `scope="notes:write"`)},
	}
}

func (m *maker) certificates() []vector {
	der, other := m.certificate(1), m.certificate(2)
	token := m.token(body{"cnf": body{"x5t#S256": b64(sum(string(der)))}})
	std := base64.StdEncoding.EncodeToString
	proxy := vectorOpts{ProxyHeader: "Client-Cert", Trusted: []string{"10.0.0.0/8"}}
	over := func(c []byte) vectorReq {
		r := bearer(token)
		r.Certificate = std(c)
		return r
	}
	behind := func(remote string, values ...string) vectorReq {
		r := bearer(token)
		r.Remote = remote
		for _, v := range values {
			r.Headers = append(r.Headers, [2]string{"Client-Cert", v})
		}
		return r
	}
	escaped := url.QueryEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	escaped = strings.ReplaceAll(escaped, "+", "%20")
	both := m.token(body{"cnf": body{"x5t#S256": b64(sum(string(der))), "jkt": m.thumbprint("client")}})
	twofold := withProof(both, m.proof(both, nil))
	twofold.Certificate = std(der)
	const at = "10.1.2.3:999"
	no, yes := refused(ErrBinding, false, ""), allowed()
	return []vector{
		{Name: "the certificate of the connection", Request: over(der), Want: yes},
		{Name: "another certificate", Request: over(other), Want: no},
		{Name: "no certificate", Request: bearer(token), Want: no},
		{Name: "a demand for what is bound", Demand: vectorWants{Bound: true}, Request: over(der), Want: yes},
		{Name: "a certificate that no token asks for", Request: func() vectorReq {
			r := over(der)
			r.Headers = bearer(m.token(nil)).Headers
			return r
		}(), Want: yes},
		{Name: "a header where there is no proxy", Request: behind(at, ":"+std(der)+":"), Want: no},
		{Name: "of a proxy", Options: proxy, Request: behind(at, ":"+std(der)+":"), Want: yes},
		{Name: "of a proxy, as PEM", Options: proxy, Request: behind(at, escaped), Want: yes},
		{Name: "of a proxy, another one", Options: proxy, Request: behind(at, ":"+std(other)+":"), Want: no},
		{Name: "of a proxy, none", Options: proxy, Request: behind(at), Want: no},
		{Name: "of a proxy, an empty header", Options: proxy, Request: behind(at, ""), Want: no},
		{Name: "of a proxy, two", Options: proxy, Request: behind(at, ":"+std(other)+":", ":"+std(der)+":"), Want: no},
		{Name: "of a proxy, malformed", Options: proxy, Request: behind(at, ":"+std(der)), Want: no},
		{Name: "of a stranger who plays the proxy", Options: proxy, Request: behind("203.0.113.9:5", ":"+std(der)+":"), Want: no},
		{Name: "as DPoP, without a key", Request: get("Authorization", "DPoP "+token), Want: refused(ErrBinding, true, "")},
		{Name: "both a key and a certificate", Request: twofold, Want: yes},
		{Name: "both, the certificate is missing", Request: withProof(both, m.proof(both, nil)), Want: refused(ErrBinding, true, "")},
		{Name: "both, as Bearer", Request: func() vectorReq {
			r := over(der)
			r.Headers = bearer(both).Headers
			return r
		}(), Want: no},
	}
}
