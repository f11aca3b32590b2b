package kit

// answer is a good one of the introspection endpoint, with changes.
func answerOf(changes body) body {
	return changed(good(body{"active": true, "token_type": "Bearer"}), changes)
}

// signedAnswerOf is a good answer in a JWT, with changes to its header and its claims.
func (m *maker) signedAnswerOf(h header, changes body) string {
	claims := changed(body{"iss": issuer, "aud": "api", "iat": at, "token_introspection": answerOf(nil)}, changes)
	return m.sign("es", "ES256", changed(header{"alg": "ES256", "typ": signedAnswer, "kid": "es"}, h), claims)
}

func (m *maker) introspections() (all []vector) {
	add := func(how, name string, reason Reason, token string, status int, says any) {
		v := vector{Name: name, Request: bearer(token), Want: allowed(), Options: vectorOpts{Introspect: how}}
		if says != nil {
			v.Answer = &vectorAnswer{Status: status, Body: string(m.json(says))}
		}
		if reason != "" {
			v.Want = refused(reason, false, "")
		}
		all = append(all, v)
	}
	for _, c := range []struct {
		name   string
		reason Reason
		says   any
	}{
		{"active", "", answerOf(nil)},
		{"for several APIs", "", answerOf(body{"aud": []string{"https://other.example", resource}})},
		{"without exp", "", answerOf(body{"exp": nil})},
		{"without iss", "", answerOf(body{"iss": nil})},
		{"inactive", ErrInactive, body{"active": false}},
		{"inactive, with more", ErrInactive, answerOf(body{"active": false})},
		{"without active", ErrInactive, answerOf(body{"active": nil})},
		{"active as a text", ErrUnavailable, answerOf(body{"active": "true"})},
		{"a refresh token", ErrType, answerOf(body{"token_type": nil})},
		{"token_type as a number", ErrUnavailable, answerOf(body{"token_type": 1})},
		{"of another API", ErrAudience, answerOf(body{"aud": "https://other.example"})},
		{"of nobody", ErrAudience, answerOf(body{"aud": nil})},
		{"of a longer name", ErrAudience, answerOf(body{"aud": resource + "/more"})},
		{"of another issuer", ErrIssuer, answerOf(body{"iss": "https://evil.example"})},
		{"over", ErrExpired, answerOf(body{"exp": at - 60})},
		{"bound to a key, sent as Bearer", ErrBinding, answerOf(body{"cnf": body{"jkt": m.thumbprint("client")}})},
		{"bound to nobody knows what", ErrBinding, answerOf(body{"cnf": body{"x": "x"}})},
		{"scope as a list", ErrMalformed, answerOf(body{"scope": []string{"notes:read"}})},
		{"a list", ErrUnavailable, "[1]"},
		{"no JSON", ErrUnavailable, "<html>"},
		{"a name that comes twice", ErrUnavailable, `{"active":true,"active":false}`},
	} {
		add("opaque", "an opaque token: "+c.name, c.reason, "opaque", 200, c.says)
	}
	add("opaque", "an opaque token: the endpoint answers 500", ErrUnavailable, "opaque", 500, "{}")
	add("opaque", "an opaque token: the client is not known", ErrUnavailable, "opaque", 401, `{"error":"invalid_client"}`)
	add("", "an opaque token, and nobody to ask", ErrMalformed, "opaque", 0, nil)
	add("opaque", "a JWT is not asked about", "", m.token(nil), 0, nil)
	add("always", "a JWT that was revoked", ErrInactive, m.token(nil), 200, body{"active": false})
	add("always", "a JWT that is active", "", m.token(nil), 200, answerOf(nil))
	add("always", "a JWT for another API is not asked about", ErrAudience, m.token(body{"aud": "https://other.example"}), 0, nil)
	short := vector{Name: "an opaque token without the scope", Options: vectorOpts{Introspect: "opaque"}, Request: bearer("opaque"),
		Demand: vectorWants{Scopes: []string{"notes:write"}}, Want: refused(ErrScope, false, `scope="notes:write"`),
		Answer: &vectorAnswer{Status: 200, Body: string(m.json(answerOf(nil)))}}
	bound := vector{Name: "an opaque token with the proof of its key", Options: vectorOpts{Introspect: "opaque"}, Want: allowed(),
		Request: withProof("opaque", m.proof("opaque", nil)),
		Answer: &vectorAnswer{Status: 200, Body: string(m.json(answerOf(body{"token_type": "DPoP",
			"cnf": body{"jkt": m.thumbprint("client")}})))}}
	all = append(all, short, bound)
	for _, c := range []struct {
		name   string
		reason Reason
		says   any
	}{
		{"good", "", m.signedAnswerOf(nil, nil)},
		{"typ with application/", "", m.signedAnswerOf(header{"typ": "application/" + signedAnswer}, nil)},
		{"for several clients", "", m.signedAnswerOf(nil, body{"aud": []string{"other", "api"}})},
		{"inactive", ErrInactive, m.signedAnswerOf(nil, body{"token_introspection": body{"active": false}})},
		{"not signed", ErrUnavailable, answerOf(nil)},
		{"an access token", ErrUnavailable, m.signedAnswerOf(header{"typ": "at+jwt"}, nil)},
		{"of a stranger's key", ErrUnavailable, m.sign("stranger", "ES256", header{"alg": "ES256", "typ": signedAnswer, "kid": "es"},
			body{"iss": issuer, "aud": "api", "iat": at, "token_introspection": answerOf(nil)})},
		{"alg none", ErrUnavailable, m.signedAnswerOf(header{"alg": "none"}, nil)},
		{"of another issuer", ErrUnavailable, m.signedAnswerOf(nil, body{"iss": "https://evil.example"})},
		{"for another client", ErrUnavailable, m.signedAnswerOf(nil, body{"aud": "other"})},
		{"for nobody", ErrUnavailable, m.signedAnswerOf(nil, body{"aud": nil})},
		{"of an hour ago", ErrUnavailable, m.signedAnswerOf(nil, body{"iat": at - 3600})},
		{"of tomorrow", ErrUnavailable, m.signedAnswerOf(nil, body{"iat": at + 86400})},
		{"of no time", ErrUnavailable, m.signedAnswerOf(nil, body{"iat": nil})},
		{"without an answer", ErrUnavailable, m.signedAnswerOf(nil, body{"token_introspection": nil})},
		{"with a list for an answer", ErrUnavailable, m.signedAnswerOf(nil, body{"token_introspection": []int{1}})},
		{"with a text for an answer", ErrUnavailable, m.signedAnswerOf(nil, body{"token_introspection": "active"})},
	} {
		add("signed", "a signed answer: "+c.name, c.reason, "opaque", 200, c.says)
	}
	return all
}
