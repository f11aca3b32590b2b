package clients

import (
	"strings"
	"testing"
)

// OpenID Connect Back-Channel Logout 1.0 section 2.2, Front-Channel Logout 1.0 section 2, Core section 4.
func TestAddressesForSignout(t *testing.T) {
	back := func(u string) func(*Metadata) { return func(m *Metadata) { m.BackchannelLogoutURI = u } }
	front := func(u string) func(*Metadata) { return func(m *Metadata) { m.FrontchannelLogoutURI = u } }
	start := func(u string) func(*Metadata) { return func(m *Metadata) { m.InitiateLoginURI = u } }
	tests := map[string]struct {
		change func(m *Metadata)
		field  string // "" = fine
	}{
		"back-channel":                          {back("https://other.example/out?tenant=1"), ""},
		"back-channel at loopback":              {back("http://127.0.0.1:9430/out"), ""},
		"back-channel over http":                {back("http://shop.example/out"), "backchannel_logout_uri"},
		"back-channel with fragment":            {back("https://shop.example/out#x"), "backchannel_logout_uri"},
		"back-channel with user":                {back("https://u@shop.example/out"), "backchannel_logout_uri"},
		"back-channel without host":             {back("https:///out"), "backchannel_logout_uri"},
		"back-channel with port and no host":    {back("https://:443/out"), "backchannel_logout_uri"},
		"back-channel, relative":                {back("/out"), "backchannel_logout_uri"},
		"back-channel with a newline":           {back("https://shop.example/out\n"), "backchannel_logout_uri"},
		"front-channel":                         {front("https://shop.example/out?tenant=1"), ""},
		"front-channel, port written out":       {front("https://SHOP.example:443/out"), ""},
		"front-channel at a foreign host":       {front("https://evil.example/out"), "frontchannel_logout_uri"},
		"front-channel at a subdomain":          {front("https://a.shop.example/out"), "frontchannel_logout_uri"},
		"front-channel at another port":         {front("https://shop.example:8443/out"), "frontchannel_logout_uri"},
		"front-channel with another scheme":     {front("http://shop.example/out"), "frontchannel_logout_uri"},
		"front-channel javascript":              {front("javascript:alert(1)"), "frontchannel_logout_uri"},
		"front-channel javascript with host":    {front("javascript://shop.example/%0aalert(1)"), "frontchannel_logout_uri"},
		"front-channel data":                    {front("data:text/html,x"), "frontchannel_logout_uri"},
		"front-channel that would close a rule": {front("https://shop.example;script-src%20*/"), "frontchannel_logout_uri"},
		"front-channel of a private-use scheme": {func(m *Metadata) {
			m.ApplicationType, m.RedirectURIs, m.FrontchannelLogoutURI = Native, []string{"com.example:/cb"}, "com.example:/out"
		}, "frontchannel_logout_uri"},
		"sign-in from elsewhere":            {start("https://shop.example/start"), ""},
		"sign-in from elsewhere over http":  {start("http://127.0.0.1/start"), "initiate_login_uri"},
		"sign-in from elsewhere javascript": {start("javascript:alert(1)"), "initiate_login_uri"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := good(tt.change).Validate()
			if (err == nil) != (tt.field == "") || err != nil && !strings.Contains(err.Error(), tt.field) {
				t.Errorf("got %v, want a complaint about %q", err, tt.field)
			}
		})
	}
}
