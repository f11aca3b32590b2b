package clients

import (
	"slices"
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
		"agent":            {func(m *Metadata) { m.Agent = true }, "agent: exchanges its own tokens alone"},
		"agent-own":        {func(m *Metadata) { m.Agent, m.Exchange.SubjectsFrom = true, []string{"api"} }, ""},
		"odd-client":       {func(m *Metadata) { m.Exchange.SubjectsFrom = []string{"a b"} }, "not a client id"},
		"any-subject":      {func(m *Metadata) { m.Exchange.SubjectsFrom = []string{anyClient} }, ""},
		"any-actor":        {func(m *Metadata) { m.Exchange.Actors = []string{anyClient} }, "name each client"},
		"refresh":          {func(m *Metadata) { m.Exchange.Scopes = []string{"offline_access"} }, "not a scope that a new token can have"},
		"tools":            {func(m *Metadata) { m.Exchange.Scopes = []string{"signet:mcp:read"} }, "not a scope that a new token can have"},
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

// TestIDJAG_Policies says what a policy of assertions for other servers has to be.
func TestIDJAG_Policies(t *testing.T) {
	good := IDJAG{Audience: "https://auth.chat.example", ClientID: "portal", Scopes: []string{"chat.read"}}
	policy := func(change func(*IDJAG), more ...IDJAG) Metadata {
		one := good
		change(&one)
		return Metadata{
			ClientID: "portal", ClientSecret: "0123456789abcdef0123456789abcdef", RedirectURIs: []string{"https://portal.example/cb"},
			GrantTypes: []string{AuthorizationCode, TokenExchange}, Exchange: &Exchange{IDJAG: append(more, one)},
		}.WithDefaults()
	}
	if err := policy(func(*IDJAG) {}).Validate(); err != nil {
		t.Error(err)
	}
	for want, m := range map[string]Metadata{
		"audience":    policy(func(j *IDJAG) { j.Audience = "http://auth.chat.example" }),
		"client_id":   policy(func(j *IDJAG) { j.ClientID = "" }),
		"scopes":      policy(func(j *IDJAG) { j.Scopes = []string{"offline_access"} }),
		"resources":   policy(func(j *IDJAG) { j.Resources = []string{"api"} }),
		"groups":      policy(func(j *IDJAG) { j.Groups = []string{""} }),
		"subject_of":  policy(func(j *IDJAG) { j.SubjectOf = "a b" }),
		"twice":       policy(func(*IDJAG) {}, good),
		"at most 100": policy(func(j *IDJAG) { j.Groups = slices.Repeat([]string{"g"}, 101) }),
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	machine := policy(func(*IDJAG) {})
	machine.GrantTypes, machine.RedirectURIs, machine.ResponseTypes = []string{TokenExchange}, nil, nil
	if err := machine.Validate(); err == nil || !strings.Contains(err.Error(), "people sign in") {
		t.Error(err)
	}
}
