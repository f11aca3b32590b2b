package clients

import (
	"strings"
	"testing"
)

// Rule B16: a private-use scheme without a dot needs the operator's leave, and a listed origin reads answers though no redirect URI has it.
func TestB16_WhatTheOperatorAllows(t *testing.T) {
	app := func(uri string, native bool) Metadata {
		m := Metadata{ClientID: "app", RedirectURIs: []string{uri}, GrantTypes: []string{AuthorizationCode}, TokenEndpointAuthMethod: MethodNone}
		if m.ApplicationType = Web; native {
			m.ApplicationType = Native
		}
		return m.WithDefaults()
	}
	for _, c := range []struct {
		uri     string
		native  bool
		allowed []string
		ok      bool
	}{
		{"myapp://cb", true, nil, false}, {"myapp:/cb", true, []string{"other"}, false}, {"myapp:/cb", true, []string{"myapp"}, true},
		{"myapp://cb", true, []string{"other", "myapp"}, true}, {"myapp://cb", false, []string{"myapp"}, false}, {"com.example.app:/cb", true, nil, true},
		{"http://app.localhost/cb", true, nil, true}, {"http://app.localhost.example/cb", true, nil, false}, {"javascript:x", true, []string{"javascript"}, false},
	} {
		err := app(c.uri, c.native).Validate(c.allowed...)
		if (err == nil) != c.ok {
			t.Errorf("%s, native %v, allowed %v: %v", c.uri, c.native, c.allowed, err)
		}
		if err != nil && c.native && strings.HasPrefix(c.uri, "myapp") && !strings.Contains(err.Error(), "apps.private_schemes") {
			t.Errorf("%s: no remedy: %v", c.uri, err)
		}
	}
}
