package discovery

import (
	"encoding/json"
	"slices"
	"strings"
)

// metadata is the document: registered names only (IANA "OAuth Authorization Server Metadata").
type metadata struct {
	Issuer           string   `json:"issuer"`
	Authorization    string   `json:"authorization_endpoint,omitempty"`
	Token            string   `json:"token_endpoint,omitempty"`
	Userinfo         string   `json:"userinfo_endpoint,omitempty"`
	JWKS             string   `json:"jwks_uri,omitempty"`
	EndSession       string   `json:"end_session_endpoint,omitempty"`
	CheckSession     string   `json:"check_session_iframe,omitempty"`
	Introspection    string   `json:"introspection_endpoint,omitempty"`
	Revocation       string   `json:"revocation_endpoint,omitempty"`
	GlobalRevocation string   `json:"global_token_revocation_endpoint,omitempty"` // Global Token Revocation section 4
	Registration     string   `json:"registration_endpoint,omitempty"`
	Push             string   `json:"pushed_authorization_request_endpoint,omitempty"` // RFC 9126 section 5
	Device           string   `json:"device_authorization_endpoint,omitempty"`         // RFC 8628 section 4
	Backchannel      string   `json:"backchannel_authentication_endpoint,omitempty"`   // CIBA Core section 4
	Deliveries       []string `json:"backchannel_token_delivery_modes_supported,omitempty"`
	AskedAlgs        []string `json:"backchannel_authentication_request_signing_alg_values_supported,omitempty"`
	DetailsTypes     []string `json:"authorization_details_types_supported,omitempty"` // RFC 9396 section 10
	// Protected are the resources of ours that have metadata of their own (RFC 9728 section 4).
	Protected []string `json:"protected_resources,omitempty"`
	MustPush  bool     `json:"require_pushed_authorization_requests,omitempty"`

	Scopes        []string `json:"scopes_supported,omitempty"`
	ResponseTypes []string `json:"response_types_supported,omitempty"`
	ResponseModes []string `json:"response_modes_supported,omitempty"`
	GrantTypes    []string `json:"grant_types_supported,omitempty"`
	GrantProfiles []string `json:"authorization_grant_profiles_supported,omitempty"` // draft-ietf-oauth-identity-assertion-authz-grant
	ChainedTypes  []string `json:"identity_chaining_requested_token_types_supported,omitempty"`
	Challenges    []string `json:"code_challenge_methods_supported,omitempty"`
	Prompts       []string `json:"prompt_values_supported,omitempty"`
	ACRs          []string `json:"acr_values_supported,omitempty"`
	Locales       []string `json:"ui_locales_supported,omitempty"`
	// Pages for people, of whom runs the server (RFC 8414 section 2).
	Developers string `json:"service_documentation,omitempty"`
	Policy     string `json:"op_policy_uri,omitempty"`
	Terms      string `json:"op_tos_uri,omitempty"`

	Subjects     []string `json:"subject_types_supported,omitempty"`
	IDTokenAlgs  []string `json:"id_token_signing_alg_values_supported,omitempty"`
	AnswerAlgs   []string `json:"authorization_signing_alg_values_supported,omitempty"` // JARM section 4
	UserinfoAlgs []string `json:"userinfo_signing_alg_values_supported,omitempty"`
	// What is encrypted for clients, with which algorithms for the key (alg) and for the content (enc).
	IDTokenEncAlgs  []string `json:"id_token_encryption_alg_values_supported,omitempty"`
	IDTokenEncs     []string `json:"id_token_encryption_enc_values_supported,omitempty"`
	UserinfoEncAlgs []string `json:"userinfo_encryption_alg_values_supported,omitempty"`
	UserinfoEncs    []string `json:"userinfo_encryption_enc_values_supported,omitempty"`
	AnswerEncAlgs   []string `json:"authorization_encryption_alg_values_supported,omitempty"` // JARM section 4
	AnswerEncs      []string `json:"authorization_encryption_enc_values_supported,omitempty"`
	ToldEncAlgs     []string `json:"introspection_encryption_alg_values_supported,omitempty"` // RFC 9701 section 7
	ToldEncs        []string `json:"introspection_encryption_enc_values_supported,omitempty"`
	ClaimTypes      []string `json:"claim_types_supported,omitempty"`
	Claims          []string `json:"claims_supported,omitempty"`

	AuthMethods       []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	ProofAlgs         []string `json:"dpop_signing_alg_values_supported,omitempty"` // RFC 9449 section 5.1
	AssertionAlgs     []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	RevocationMethods []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	RevocationAlgs    []string `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`
	AskMethods        []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	AskAlgs           []string `json:"introspection_endpoint_auth_signing_alg_values_supported,omitempty"`
	ToldAlgs          []string `json:"introspection_signing_alg_values_supported,omitempty"` // RFC 9701 section 7

	Aliases map[string]string `json:"mtls_endpoint_aliases,omitempty"`                      // RFC 8705 section 5
	Bound   bool              `json:"tls_client_certificate_bound_access_tokens,omitempty"` // … and section 3.3

	BackchannelLogout         bool `json:"backchannel_logout_supported,omitempty"`
	BackchannelLogoutSession  bool `json:"backchannel_logout_session_supported,omitempty"`
	FrontchannelLogout        bool `json:"frontchannel_logout_supported,omitempty"`
	FrontchannelLogoutSession bool `json:"frontchannel_logout_session_supported,omitempty"`

	Documents bool `json:"client_id_metadata_document_supported,omitempty"` // OAuth Client ID Metadata Document section 5

	// Of an authorization endpoint; stated even where the answer is no, for some default to yes.
	ClaimsParameter *bool    `json:"claims_parameter_supported,omitempty"`
	RequestObject   *bool    `json:"request_parameter_supported,omitempty"`
	RequestURI      *bool    `json:"request_uri_parameter_supported,omitempty"`
	RequestAlgs     []string `json:"request_object_signing_alg_values_supported,omitempty"`
	RequestEncAlgs  []string `json:"request_object_encryption_alg_values_supported,omitempty"`
	RequestEncs     []string `json:"request_object_encryption_enc_values_supported,omitempty"`
	RegisteredURIs  bool     `json:"require_request_uri_registration,omitempty"`
	IssParameter    *bool    `json:"authorization_response_iss_parameter_supported,omitempty"` // RFC 9207 section 3
}

// compose makes the document from what is mounted.
func compose(issuer, path string, mounted, signingAlgs []string, f Facts) ([]byte, error) {
	at := func(method, place string) string {
		if slices.Contains(mounted, method+" "+path+place) {
			return issuer + place
		}
		return ""
	}
	d := metadata{
		Issuer:        issuer,
		Authorization: at("GET", "/oauth2/authorize"),
		Token:         at("POST", "/oauth2/token"),
		Userinfo:      at("GET", "/userinfo"),
		JWKS:          at("GET", "/oauth2/jwks"),
		EndSession:    at("GET", "/oauth2/logout"),
		CheckSession:  at("GET", "/oauth2/check-session"),
		Introspection: at("POST", "/oauth2/introspect"),
		Revocation:    at("POST", "/oauth2/revoke"),
		Registration:  at("POST", "/oauth2/register"),

		GlobalRevocation: at("POST", "/api/admin/v1/global-token-revocation"),

		Push:        at("POST", "/oauth2/par"),
		Device:      at("POST", "/oauth2/device_authorization"),
		Backchannel: at("POST", "/oauth2/bc-authorize"),
		Scopes:      f.Scopes, Locales: f.Locales, Developers: f.Developers, Policy: f.Policy, Terms: f.Terms,
	}
	if d.Authorization != "" {
		d.Documents = f.Documents
		d.ResponseTypes, d.ResponseModes, d.Prompts, d.ACRs = f.ResponseTypes, f.ResponseModes, f.Prompts, f.ACRs
		d.Challenges, d.AnswerAlgs = []string{"S256"}, f.UserinfoAlgs
		d.ClaimsParameter, d.IssParameter = new(true), new(true)
		d.RequestObject, d.RequestURI = new(len(f.RequestAlgs) > 0), new(len(f.RequestAlgs) > 0)
		d.RequestAlgs, d.RegisteredURIs = f.RequestAlgs, len(f.RequestAlgs) > 0
		d.RequestEncAlgs, d.RequestEncs = f.RequestEncAlgs, f.RequestEncs
		d.Subjects, d.IDTokenAlgs = []string{"pairwise", "public"}, signingAlgs
		d.IDTokenEncAlgs, d.IDTokenEncs = f.EncryptionAlgs, f.EncryptionEncs
		d.AnswerEncAlgs, d.AnswerEncs = f.EncryptionAlgs, f.EncryptionEncs
		d.Claims, d.ClaimTypes = f.Claims, []string{"normal"}
	}
	if d.Push != "" {
		d.MustPush = f.MustPush
	}
	if d.Backchannel != "" {
		d.Deliveries, d.AskedAlgs = []string{"poll", "ping"}, f.AssertionAlgs
		if f.PushesTokens {
			d.Deliveries = append(d.Deliveries, "push")
		}
	}
	if d.EndSession != "" {
		d.BackchannelLogout, d.BackchannelLogoutSession = f.BackchannelLogout, f.BackchannelLogout
		d.FrontchannelLogout, d.FrontchannelLogoutSession = f.FrontchannelLogout, f.FrontchannelLogout
	}
	if d.Userinfo != "" {
		d.UserinfoEncAlgs, d.UserinfoEncs = f.EncryptionAlgs, f.EncryptionEncs
		d.UserinfoAlgs, d.Protected = f.UserinfoAlgs, []string{d.Userinfo}
	}
	if d.Token != "" {
		d.ProofAlgs, d.DetailsTypes, d.GrantProfiles, d.ChainedTypes = f.ProofAlgs, f.DetailsTypes, f.GrantProfiles, f.ChainedTypes
		d.GrantTypes, d.AuthMethods, d.AssertionAlgs = f.GrantTypes, f.AuthMethods, algsFor(f.AuthMethods, f)
	}
	if d.Revocation != "" {
		d.RevocationMethods, d.RevocationAlgs = f.AuthMethods, algsFor(f.AuthMethods, f)
	}
	if d.Introspection != "" {
		d.AskMethods, d.AskAlgs, d.ToldAlgs = f.IntrospectionAuthMethods, algsFor(f.IntrospectionAuthMethods, f), f.UserinfoAlgs
	}
	if d.Introspection != "" {
		d.ToldEncAlgs, d.ToldEncs = f.EncryptionAlgs, f.EncryptionEncs
	}
	if f.MTLS != "" {
		d.Bound = true
		d.Aliases = aliases(issuer, f.MTLS, map[string]string{
			"token_endpoint": d.Token, "userinfo_endpoint": d.Userinfo, "introspection_endpoint": d.Introspection,
			"revocation_endpoint": d.Revocation, "pushed_authorization_request_endpoint": d.Push,
			"device_authorization_endpoint": d.Device, "backchannel_authentication_endpoint": d.Backchannel,
		})
	}
	return json.Marshal(d)
}

// aliases are the endpoints that there are at their other address.
func aliases(issuer, base string, endpoints map[string]string) map[string]string {
	for name, at := range endpoints {
		if at == "" {
			delete(endpoints, name)
			continue
		}
		endpoints[name] = base + strings.TrimPrefix(at, issuer)
	}
	return endpoints
}

// resource is the metadata of a protected resource (RFC 9728 section 2).
type resource struct {
	Resource    string   `json:"resource"`
	Servers     []string `json:"authorization_servers"`
	Scopes      []string `json:"scopes_supported"`
	Methods     []string `json:"bearer_methods_supported"`
	SigningAlgs []string `json:"resource_signing_alg_values_supported,omitempty"`
	Name        string   `json:"resource_name"`
	ProofAlgs   []string `json:"dpop_signing_alg_values_supported,omitempty"`
	Bound       bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
}

// composeUserinfo makes the document of the userinfo endpoint.
func composeUserinfo(issuer string, f Facts) ([]byte, error) {
	return json.Marshal(resource{
		Resource: issuer + "/userinfo", Servers: []string{issuer}, Scopes: f.PersonScopes, Methods: []string{"header", "body"},
		SigningAlgs: f.UserinfoAlgs, Name: "Userinfo", ProofAlgs: f.ProofAlgs, Bound: f.MTLS != "",
	})
}

// algsFor gives the assertion algorithms where there are assertions (RFC 8414 section 2).
func algsFor(methods []string, f Facts) []string {
	if !slices.Contains(methods, "private_key_jwt") && !slices.Contains(methods, "client_secret_jwt") {
		return nil
	}
	return f.AssertionAlgs
}
