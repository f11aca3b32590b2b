package kit

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
)

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
	weakToken := m.token(body{"cnf": body{"jkt": m.thumbprint("weak")}})
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
		is("RS512, which is not told", ErrProof, withProof(rsaToken, m.proofWith("client-rsa", "RS512", rsaToken, nil, nil))),
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
		is("ES384 by a key of P-256, and so signed", ErrProof, withProof(token, m.proofWith("client", "ES384", token, nil, nil))),
		is("a key of 1024 bits", ErrProof, withProof(weakToken, m.proofWith("weak", "RS256", weakToken, nil, nil))),
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
		{Name: "of a proxy, two, the right one first", Options: proxy, Request: behind(at, ":"+std(der)+":", ":"+std(other)+":"), Want: no},
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
