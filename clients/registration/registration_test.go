package registration_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/clients"
	"signet/clients/registration"
	"signet/internal/egress"
	"signet/storage"
)

// fake is all that the service needs; what a test does not use is nil.
type fake struct {
	registration.Store
	registration.Registry
	fetched, deleted, kept []string
	unused                 []string
	apps                   map[string]clients.Metadata
}

func (f *fake) InitialTokenLives(context.Context, string, time.Time) error {
	return storage.ErrNotFound
}
func (f *fake) SpendInitialToken(context.Context, string, time.Time) (string, error) {
	return "", storage.ErrNotFound
}
func (f *fake) Fetch(_ context.Context, q egress.Request) (egress.Response, error) {
	f.fetched = append(f.fetched, q.URL)
	return egress.Response{}, errors.New("nothing there")
}
func (f *fake) SettleRegistrations(context.Context, time.Time, int) (kept, unused []string, err error) {
	return nil, f.unused, nil
}
func (f *fake) KeepRegistration(_ context.Context, id string) error {
	f.kept = append(f.kept, id)
	return nil
}
func (f *fake) Delete(_ context.Context, id string) error {
	f.deleted = append(f.deleted, id)
	return nil
}
func (f *fake) RegistrationOf(context.Context, string) (storage.Registration, error) {
	sum := sha256.Sum256([]byte("token"))
	return storage.Registration{TokenHash: base64.RawURLEncoding.EncodeToString(sum[:])}, nil
}
func (f *fake) ChangeRegistrationTokens(context.Context, storage.Registration, storage.Registration) error {
	return nil
}
func (f *fake) CreateAlso(_ context.Context, m clients.Metadata, _ clients.Also) (clients.Metadata, error) {
	return m, nil
}
func (f *fake) ChangeAlso(ctx context.Context, id string, change func(m *clients.Metadata) error,
	also clients.Also) (clients.Metadata, error) {
	m := f.apps[id]
	if err := change(&m); err != nil {
		return m, err
	}
	return m, also(ctx, id)
}
func (f *fake) Client(_ context.Context, id string) (*clients.Client, error) {
	m, ok := f.apps[id]
	if !ok {
		return nil, clients.ErrUnknown
	}
	return &clients.Client{Metadata: m}, nil
}

func service(t *testing.T, f *fake) *registration.Service {
	t.Helper()
	s, err := registration.New(registration.Options{Store: f, Tokens: f, Consents: f, Registry: f, Mode: registration.Token, Fetch: f,
		Policy: func() registration.Policy {
			return registration.Policy{Scopes: []string{"openid"}, ResponseTypes: []string{"code"}, Issuer: "https://id.example.com",
				Names: []string{"The  Bank"}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asked(t *testing.T, text string) (document map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// Whoever has no good token makes the server fetch nothing.
func TestRegistration_AMadeUpTokenFetchesNothing(t *testing.T) {
	f := &fake{}
	_, err := service(t, f).Register(t.Context(), asked(t, `{"redirect_uris":["https://app.example/cb"],"subject_type":"pairwise",
		"sector_identifier_uri":"https://victim.example/list"}`), "made up", "")
	if !errors.Is(err, registration.ErrToken) || len(f.fetched) > 0 {
		t.Errorf("%v, fetched %q", err, f.fetched)
	}
}

// No app is called what the server is called, nor what looks like it, in no language.
func TestRegistration_NoAppLooksLikeTheServer(t *testing.T) {
	f := &fake{}
	s, err := registration.New(registration.Options{Store: f, Tokens: f, Consents: f, Registry: f, Mode: registration.Open, Fetch: f,
		Policy: func() registration.Policy {
			return registration.Policy{Scopes: []string{"openid"}, ResponseTypes: []string{"code"}, Names: []string{"The  Bank"}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	for name, taken := range map[string]bool{"The Bank": true, "the  bank": true, "Ｔｈｅ Ｂａｎｋ": true, "Тhе Ваnk": true, "The B\u00e0nk": true,
		"T·h·e·B·a·n·k": true, "The Bank of Elsewhere": false, "Die Bank": false, "銀行": false} {
		for _, member := range []string{"client_name", "client_name#de"} {
			document := asked(t, `{"redirect_uris":["https://app.example/cb"],"`+member+`":"`+name+`"}`)
			_, err := s.Register(t.Context(), document, "", "")
			no, refused := errors.AsType[*registration.Refusal](err)
			if refused != taken || refused && !strings.Contains(no.Description, "name of this server") {
				t.Errorf("%s %q: %v", member, name, err)
			}
		}
	}
}

// No app that registers itself has a name that is written to be taken for another's.
func TestRegistration_NoNameMixesAlphabets(t *testing.T) {
	f := &fake{}
	s, err := registration.New(registration.Options{Store: f, Tokens: f, Consents: f, Registry: f, Mode: registration.Open, Fetch: f,
		Policy: func() registration.Policy {
			return registration.Policy{Scopes: []string{"openid"}, ResponseTypes: []string{"code"}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	for name, mixed := range map[string]bool{"Сlaude": true, "Gοοgle Drive": true, "Клод Code": false, "Яndex": false, "Shop": false} {
		for _, member := range []string{"client_name", "client_name#ru"} {
			_, err := s.Register(t.Context(), asked(t, `{"redirect_uris":["https://app.example/cb"],"`+member+`":"`+name+`"}`), "", "")
			no, refused := errors.AsType[*registration.Refusal](err)
			if refused != mixed || refused && !strings.Contains(no.Description, "mixes alphabets") {
				t.Errorf("%s %q: %v", member, name, err)
			}
		}
	}
}

// An app that has tokens for itself leaves no consent, no grant and no use of a secret behind.
func TestRegistration_AnAppThatProvesItselfByKeysStays(t *testing.T) {
	f := &fake{unused: []string{"machine", "app", "gone"}, apps: map[string]clients.Metadata{
		"machine": {GrantTypes: []string{clients.ClientCredentials}, TokenEndpointAuthMethod: clients.MethodJWTKey},
		"app":     {GrantTypes: []string{clients.AuthorizationCode}, TokenEndpointAuthMethod: clients.MethodJWTKey},
	}}
	if err := service(t, f).Sweep(t.Context()); err != nil || !slices.Equal(f.kept, []string{"machine"}) ||
		!slices.Equal(f.deleted, []string{"app", "gone"}) {
		t.Errorf("kept %q, deleted %q, %v", f.kept, f.deleted, err)
	}
}

// An app could never come in by a certificate where none is taken, so it is told at once (RFC 8705 section 2.1.2, RFC 7591 section 3.2.2).
func TestRegistration_CertificatesWhereTheyAreTaken(t *testing.T) {
	ask := func(taken []string, more string) error {
		f := &fake{}
		s, err := registration.New(registration.Options{Store: f, Tokens: f, Consents: f, Registry: f, Mode: registration.Open, Fetch: f,
			Policy: func() registration.Policy {
				return registration.Policy{Scopes: []string{"openid"}, ResponseTypes: []string{"code"}, Certificates: taken}
			}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Register(t.Context(), asked(t, `{"redirect_uris":["https://app.example/cb"],`+more+`}`), "", "")
		return err
	}
	named := `"token_endpoint_auth_method":"tls_client_auth","tls_client_auth_san_dns":"app.example"`
	bound := `"token_endpoint_auth_method":"none","tls_client_certificate_bound_access_tokens":true`
	for name, test := range map[string]struct {
		taken []string
		more  string
		good  bool
	}{
		"off":                     {nil, named, false},
		"bound tokens, off":       {nil, bound, false},
		"no authority":            {[]string{clients.MethodSelfSigned}, named, false},
		"on":                      {[]string{clients.MethodTLS, clients.MethodSelfSigned}, named, true},
		"bound tokens":            {[]string{clients.MethodSelfSigned}, bound, true},
		"two names":               {[]string{clients.MethodTLS}, named + `,"tls_client_auth_san_ip":"192.0.2.1"`, false},
		"a name and a secret":     {[]string{clients.MethodTLS}, `"tls_client_auth_san_dns":"app.example"`, false},
		"own certificate, no key": {[]string{clients.MethodSelfSigned}, `"token_endpoint_auth_method":"self_signed_tls_client_auth"`, false},
	} {
		err := ask(test.taken, test.more)
		no, refused := errors.AsType[*registration.Refusal](err)
		if (err == nil) != test.good || err != nil && (!refused || no.Code != "invalid_client_metadata") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What strangers send is answered, and logged, in a few words.
func TestRegistration_LongMistakesAreToldInShort(t *testing.T) {
	long := "http://app.example/" + strings.Repeat("x", 50_000)
	for name, text := range map[string]string{
		"one long address": `{"redirect_uris":["` + long + `"]}`,
		"many addresses": `{"redirect_uris":["https://app.example/cb"],"post_logout_redirect_uris":["https://app.example/cb"` +
			strings.Repeat(`,"https://app.example/cb"`, 1000) + `]}`,
	} {
		s, err := registration.New(registration.Options{Store: &fake{}, Tokens: &fake{}, Consents: &fake{}, Registry: &fake{},
			Mode:   registration.Open,
			Policy: func() registration.Policy { return registration.Policy{ResponseTypes: []string{"code"}} }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Register(t.Context(), asked(t, text), "", "")
		if no, ok := errors.AsType[*registration.Refusal](err); !ok || len(no.Description) > 400 {
			t.Errorf("%s: %.400v", name, err)
		}
	}
}

// People are not asked for an app that an operator trusts: its token may not send them elsewhere.
func TestRegistration_ATrustedAppStaysWhereItIs(t *testing.T) {
	app := clients.Metadata{ClientID: "app", RedirectURIs: []string{"https://a.example/cb", "https://b.example/cb"}}
	for name, tt := range map[string]struct {
		trusted bool
		to      string
		ok      bool
	}{
		"anybody's":        {false, "https://other.example/cb", true},
		"trusted":          {true, "https://other.example/cb", false},
		"trusted, as ever": {true, "https://a.example/cb", true},
	} {
		app.FirstParty = tt.trusted
		f := &fake{apps: map[string]clients.Metadata{"app": app}}
		_, err := service(t, f).Replace(t.Context(), "app", "token", asked(t, `{"client_id":"app","redirect_uris":["`+tt.to+`"]}`), nil)
		if no, refused := errors.AsType[*registration.Refusal](err); (err == nil) != tt.ok || refused && no.Code != "invalid_redirect_uri" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What an administrator allowed the tools is the app as it was then.
func TestRegistration_AnAppThatChangesItselfHasTheToolsNoMore(t *testing.T) {
	f := &fake{apps: map[string]clients.Metadata{"app": {ClientID: "app", RedirectURIs: []string{"https://a.example/cb"}, AdminTools: true}}}
	got, err := service(t, f).Replace(t.Context(), "app", "token",
		asked(t, `{"client_id":"app","admin_tools":true,"redirect_uris":["https://other.example/cb"]}`), nil)
	if err != nil || got.Metadata.AdminTools {
		t.Errorf("%+v, %v", got.Metadata, err)
	}
}

// RFC 8693: what a client may exchange is an operator's to say. An app neither registers a policy nor keeps the grant type of one.
func TestRegistration_NoAppExchangesTokensOfItsOwnAccord(t *testing.T) {
	f := &fake{apps: map[string]clients.Metadata{"app": {ClientID: "app", RedirectURIs: []string{"https://a.example/cb"},
		GrantTypes: []string{"authorization_code", clients.TokenExchange}, Exchange: &clients.Exchange{Targets: []string{"https://a.example"}}}}}
	got, err := service(t, f).Replace(t.Context(), "app", "token", asked(t, `{"client_id":"app","redirect_uris":["https://a.example/cb"],
		"grant_types":["authorization_code","`+clients.TokenExchange+`"],
		"exchange":{"subjects_from":["*"],"targets":["https://api.example"],"scopes":["api:read"],"bearer":true}}`), nil)
	if err != nil || got.Metadata.Exchange != nil || slices.Contains(got.Metadata.GrantTypes, clients.TokenExchange) {
		t.Errorf("%+v %v", got.Metadata, err)
	}
	if err := got.Metadata.Validate(); err != nil {
		t.Error(err)
	}
}

// Browsers read an address more kindly than it is written: 0443 is 443.
func TestRFC7591_3_2_2_AddressesAreASCII(t *testing.T) {
	for document, code := range map[string]string{
		`{"redirect_uris":["https://a.example/\u00fc"]}`:                                          "invalid_redirect_uri",
		`{"redirect_uris":["https://m\u00fcller.example/"]}`:                                      "invalid_redirect_uri",
		`{"redirect_uris":["https://a.example/"],"client_uri":"https://a.example/\u202e"}`:        "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/"],"tos_uri#de":"https://a.example/\u00fc"}`:        "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/"],"logo_uri":"https://m\u00fcller.example/x.png"}`: "invalid_client_metadata",
	} {
		s, err := registration.New(registration.Options{Store: &fake{}, Tokens: &fake{}, Consents: &fake{}, Registry: &fake{},
			Mode: registration.Open, Policy: func() registration.Policy {
				return registration.Policy{ResponseTypes: []string{"code"}, Issuer: "https://id.example.com"}
			}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Register(t.Context(), asked(t, document), "", "")
		no, ok := errors.AsType[*registration.Refusal](err)
		if !ok || no.Code != code || !strings.Contains(no.Description, "ASCII") {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestRegistration_TakesNoAddressOfThisServer(t *testing.T) {
	for _, own := range []string{"https://id.example.com/x", "https://ID.example.com:443/x", "https://id.example.com:0443/x",
		"https://id.example.com:/x", "HTTPS://id.example.com/x", "https://id%E3%80%82example.com/x", "https:id.example.com/x"} {
		s, err := registration.New(registration.Options{Store: &fake{}, Tokens: &fake{}, Consents: &fake{}, Registry: &fake{},
			Mode: registration.Open,
			Policy: func() registration.Policy {
				return registration.Policy{ResponseTypes: []string{"code"}, Issuer: "https://id.example.com"}
			}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Register(t.Context(), asked(t, `{"redirect_uris":["`+own+`"]}`), "", "")
		if no, ok := errors.AsType[*registration.Refusal](err); !ok || no.Code != "invalid_redirect_uri" {
			t.Errorf("%s: %v", own, err)
		}
	}
}
func (*fake) AskConsentAnew(context.Context, string) error { return nil }

func (*fake) PeopleOf(context.Context, string, int) ([]string, error) { return nil, nil }

func (*fake) ForgetConsents(context.Context, string, int, time.Time, int) ([]string, error) {
	return nil, nil
}

func (*fake) ExpectUse(context.Context, string, time.Time) error { return nil }

// An operator says that an app is an agent, and what people can allow it at most: no app says so, nor takes it back.
func TestRegistration_AnAgentThatChangesItselfStaysOne(t *testing.T) {
	agent := clients.Metadata{ClientID: "app", RedirectURIs: []string{"https://a.example/cb"}, Agent: true, AgentMaxDays: 7, AgentMaxCalls: 10}
	for name, tt := range map[string]struct {
		says string
		was  clients.Metadata
	}{
		"says nothing":     {``, agent},
		"says otherwise":   {`,"agent":false,"agent_max_days":90,"agent_max_calls":0`, agent},
		"says that it is":  {`,"agent":true`, clients.Metadata{ClientID: "app", RedirectURIs: agent.RedirectURIs}},
		"asks for limits":  {`,"agent_max_calls":5`, clients.Metadata{ClientID: "app", RedirectURIs: agent.RedirectURIs}},
		"has another name": {`,"client_name":"Other"`, agent},
	} {
		f := &fake{apps: map[string]clients.Metadata{"app": tt.was}}
		got, err := service(t, f).Replace(t.Context(), "app", "token",
			asked(t, `{"client_id":"app","redirect_uris":["https://a.example/cb"]`+tt.says+`}`), nil)
		if now := got.Metadata; err != nil || now.Agent != tt.was.Agent || now.AgentMaxDays != tt.was.AgentMaxDays ||
			now.AgentMaxCalls != tt.was.AgentMaxCalls {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
	}
}
