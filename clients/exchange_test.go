package clients

import (
	"strings"
	"testing"
)

func TestRFC8693_AnOperatorSaysWhoExchangesWhat(t *testing.T) {
	policy := Exchange{SubjectsFrom: []string{"web"}, Targets: []string{"https://api.example/v1"}, Scopes: []string{"api:read"}}
	for name, test := range map[string]struct {
		change func(m *Metadata)
		wants  string
	}{
		"all-there":        {func(*Metadata) {}, ""},
		"with-certificate": {func(m *Metadata) { m.TokenEndpointAuthMethod, m.TLSClientAuthSANDNS = MethodTLS, "a.example" }, ""},
		"no-policy":        {func(m *Metadata) { m.Exchange = nil }, "set targets and scopes"},
		"no-grant":         {func(m *Metadata) { m.GrantTypes = []string{ClientCredentials} }, "needs the grant type"},
		"public":           {func(m *Metadata) { m.TokenEndpointAuthMethod = MethodNone }, "a public one cannot"},
		"no-target":        {func(m *Metadata) { m.Exchange.Targets = nil }, "name the resources"},
		"relative-target":  {func(m *Metadata) { m.Exchange.Targets = []string{"/v1"} }, "not the identifier of a resource"},
		"odd-client":       {func(m *Metadata) { m.Exchange.SubjectsFrom = []string{"a b"} }, "not a client id"},
		"any-subject":      {func(m *Metadata) { m.Exchange.SubjectsFrom = []string{anyClient} }, ""},
		"any-actor":        {func(m *Metadata) { m.Exchange.Actors = []string{anyClient} }, "name each client"},
		"refresh":          {func(m *Metadata) { m.Exchange.Scopes = []string{"offline_access"} }, "not a scope that a new token can have"},
		"endless":          {func(m *Metadata) { m.Exchange.Actors = strings.Split(strings.Repeat("a ", 101)+"a", " ") }, "at most 100"},
	} {
		t.Run(name, func(t *testing.T) {
			e := policy
			m := Metadata{ClientID: "api", GrantTypes: []string{TokenExchange}, Exchange: &e}
			test.change(&m)
			err := m.WithDefaults().Validate()
			if test.wants == "" && err != nil || test.wants != "" && (err == nil || !strings.Contains(err.Error(), test.wants)) {
				t.Errorf("got %v, want %q", err, test.wants)
			}
		})
	}
}

func TestExchangeTakesTokensOfNamedClientsOnly(t *testing.T) {
	some, all := Exchange{SubjectsFrom: []string{"web"}}, Exchange{SubjectsFrom: []string{"web", anyClient}}
	for _, test := range []struct {
		e            Exchange
		client       string
		taken, named bool
	}{
		{Exchange{}, "api", true, false}, {Exchange{}, "web", false, true},
		{some, "web", true, true}, {some, "other", false, true},
		{all, "web", true, true}, {all, "other", true, true}, {all, "api", true, false},
	} {
		if taken, named := test.e.TakesFrom("api", test.client); taken != test.taken || taken && named != test.named {
			t.Errorf("%v of %s: %v, %v", test.e.SubjectsFrom, test.client, taken, named)
		}
	}
	reach := Exchange{Targets: []string{"https://API.example:443/v1/"}}
	known, issuer := newResources(
		[]Resource{{Identifier: "https://api.example/v1"}, {Identifier: "https://api.example/v2"}}), "https://id.example"
	if !reach.Reaches(known, issuer, "https://api.example/v1") || reach.Reaches(known, issuer, "https://api.example/v2") {
		t.Error("targets are not compared as resources are")
	}
}
