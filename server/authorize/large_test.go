package authorize_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestH13_WhatIsTooLargeGoesBackToTheApp(t *testing.T) { // RFC 6749 section 4.1.2.1, rule H13
	w := newWorld(t)
	for name, tt := range map[string]struct {
		url  string
		back bool
	}{
		"state of 4 KiB":                        {w.ask("state", strings.Repeat("s", 4096)), false},
		"longer state":                          {w.ask("state", strings.Repeat("s", 4097)), true},
		"longer state, asked without a page":    {w.ask("state", strings.Repeat("s", 4097), "prompt", "none"), true},
		"a request that takes more than 16 KiB": {w.ask("state", "") + "&state=" + strings.Repeat("<", 4000), true},
	} {
		b := w.Browser(t).Get(t, tt.url)
		var q url.Values
		if b.Landed != nil {
			q = b.Landed.Query()
		}
		if !tt.back && (b.Landed != nil || !b.Has("login-submit")) ||
			tt.back && (q.Get("error") != "invalid_request" || q.Has("state") || q.Get("iss") != w.URL) {
			t.Errorf("%s: %d, landed at %v", name, b.Status, q)
		}
	}
}
