package config

import (
	"strings"
	"testing"
)

// Whom the operator may trust to say who somebody is.
func TestTrustedIssuers(t *testing.T) {
	const inferred = "[{issuer: 'https://accounts.google.com', clients: [crm], scopes: [a]}]\nupstreams: [" + google + "]"
	const rest = ", clients: [crm], scopes: [a], subjects: {x: Y}}]"
	for text, want := range map[string]string{
		"[{issuer: 'https://a.test'" + rest:                                                        "",
		"[{issuer: 'https://a.test', longest: 1h, access_lifetime: 5m, reusable: true" + rest:      "",
		"[{issuer: 'http://a.test'" + rest:                                                         "is not the https address",
		"[{issuer: 'https://u:p@a.test'" + rest:                                                    "is not the https address",
		"[{issuer: ''" + rest:                                                                      "is not the https address",
		"[{issuer: 'http://localhost:9400'" + rest:                                                 "is this server",
		"[{issuer: 'https://a.test', jwks_uri: 'http://a.test/k'" + rest:                           "jwks_uri: must be an https address",
		"[{issuer: 'https://a.test', jwks_uri: 'https://a.test/k', jwks: {keys: []}" + rest:        "has jwks and jwks_uri",
		"[{issuer: 'https://a.test', longest: 61m" + rest:                                          "longest",
		"[{issuer: 'https://a.test', longest: -1s" + rest:                                          "longest",
		"[{issuer: 'https://a.test', resources: [api]" + rest:                                      "is not an absolute URI",
		"[{issuer: 'https://a.test', upstream: work" + rest:                                        `"work" is none of upstreams`,
		"[{issuer: 'https://a.test', clients: [crm], scopes: [a]}]":                                "nobody can be meant",
		"[{issuer: 'https://a.test', scopes: [a], subjects: {x: Y}}]":                              "name the apps",
		"[{issuer: 'https://a.test', clients: [crm], subjects: {x: Y}}]":                           "name the scopes",
		"[{issuer: 'https://a.test', clients: [crm], scopes: [offline_access], subjects: {x: Y}}]": "nobody gets a refresh token",
		"[{issuer: 'https://a.test', clients: [crm], scopes: ['a b'], subjects: {x: Y}}]":          "has characters",
		"[{issuer: 'https://a.test', clients: [crm], scopes: [a], subjects: {x: ''}}]":             "needs the id of a person",
		"[{issuer: 'https://a.test'" + rest[:len(rest)-1] + ", {issuer: 'https://a.test'" + rest:   "is there twice",
		inferred: "",
	} {
		_, err := load(file("trusted_issuers: "+text), Sources{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

const google = "{id: google, kind: google, client_id: a.apps.googleusercontent.com, client_secret: 'GOCSPX-long-enough-secret-1'}"
