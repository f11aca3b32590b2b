package clients

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"signet/clients/algs"
	"signet/clients/claimmap"
	"signet/clients/detail"
	"signet/clients/tools"
	"signet/internal/typed"
)

// Grant types a client can register (RFC 7591 section 2).
const (
	AuthorizationCode = "authorization_code"
	RefreshToken      = "refresh_token"
	ClientCredentials = "client_credentials"
	Password          = "password"
	DeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628 section 3.4
	TokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 section 2.1
	CIBA              = "urn:openid:params:grant-type:ciba"               // CIBA Core section 10.1
	JWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523 section 2.1
)

// grantTypes are those that a client can register.
var grantTypes = []string{
	AuthorizationCode, Implicit, RefreshToken, ClientCredentials, Password, DeviceCode, TokenExchange, CIBA, JWTBearer,
}

// Client authentication methods (RFC 7591 section 2, OpenID Connect Core section 9).
const (
	MethodNone      = "none"
	MethodBasic     = "client_secret_basic"
	MethodPost      = "client_secret_post"
	MethodJWTKey    = "private_key_jwt"
	MethodJWTSecret = "client_secret_jwt"
)

// Application types (OpenID Connect Dynamic Registration section 2).
const (
	Web    = "web"
	Native = "native"
)

// BuiltinScopes are the scopes Signet itself serves; every other scope belongs to a resource.
var BuiltinScopes = []string{"openid", "profile", "email", "address", "phone", "groups", "roles", "offline_access"}

// Duration is a time.Duration written as text ("10m") in JSON.
type Duration time.Duration

// MarshalText writes it as "10m0s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads "10m".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Metadata is what is registered of a client: RFC 7591 names, OpenID Connect Registration's, and ours at the end.
type Metadata struct {
	ClientID                    string              `json:"client_id"`
	ClientSecret                string              `json:"client_secret,omitempty"` // goes into New and comes out of Create; never kept
	ClientName                  string              `json:"client_name,omitempty"`
	ApplicationType             string              `json:"application_type,omitempty"`
	RedirectURIs                []string            `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs      []string            `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes                  []string            `json:"grant_types,omitempty"`
	ResponseTypes               []string            `json:"response_types,omitempty"`
	TokenEndpointAuthMethod     string              `json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthSigningAlg string              `json:"token_endpoint_auth_signing_alg,omitempty"`
	Scope                       string              `json:"scope,omitempty"`
	JWKS                        *jose.JSONWebKeySet `json:"jwks,omitempty"`
	JWKSURI                     string              `json:"jwks_uri,omitempty"` // where its keys are, instead of jwks
	Contacts                    []string            `json:"contacts,omitempty"`
	ClientURI                   string              `json:"client_uri,omitempty"`
	LogoURI                     string              `json:"logo_uri,omitempty"`
	PolicyURI                   string              `json:"policy_uri,omitempty"`
	TOSURI                      string              `json:"tos_uri,omitempty"`
	TLSClientAuthSubjectDN      string              `json:"tls_client_auth_subject_dn,omitempty"` // the one name of its certificate
	TLSClientAuthSANDNS         string              `json:"tls_client_auth_san_dns,omitempty"`    // … or this one (RFC 8705 section 2.1.2)
	TLSClientAuthSANURI         string              `json:"tls_client_auth_san_uri,omitempty"`
	TLSClientAuthSANIP          string              `json:"tls_client_auth_san_ip,omitempty"`
	TLSClientAuthSANEmail       string              `json:"tls_client_auth_san_email,omitempty"`
	IDTokenSignedResponseAlg    string              `json:"id_token_signed_response_alg,omitempty"`
	UserinfoSignedResponseAlg   string              `json:"userinfo_signed_response_alg,omitempty"`

	// what people read and follow, in other languages: client_name#de, tos_uri#fr (RFC 7591 section 2.2)
	Localized map[string]string `json:"localized,omitempty"`

	AuthorizationSignedResponseAlg string   `json:"authorization_signed_response_alg,omitempty"` // of response modes with jwt; "" = RS256
	IntrospectionSignedResponseAlg string   `json:"introspection_signed_response_alg,omitempty"` // of answers asked for as JWT; "" = RS256
	DefaultMaxAge                  *int64   `json:"default_max_age,omitempty"`                   // seconds
	DefaultACRValues               []string `json:"default_acr_values,omitempty"`                // of requests without acr_values
	RequireAuthTime                bool     `json:"require_auth_time,omitempty"`
	// of request objects; "" = any that its keys have
	RequestObjectSigningAlg    string `json:"request_object_signing_alg,omitempty"`
	RequireSignedRequestObject bool   `json:"require_signed_request_object,omitempty"`
	// how it may encrypt them to our keys; it may do otherwise (OpenID Connect Dynamic Registration section 2)
	RequestObjectEncryptionAlg string `json:"request_object_encryption_alg,omitempty"`
	RequestObjectEncryptionEnc string `json:"request_object_encryption_enc,omitempty"`
	// where request objects may be (OpenID Connect Core section 6.2)
	RequestURIs []string `json:"request_uris,omitempty"`
	// how it wants what it gets encrypted, of package algs; alg "" = not at all, enc "" = A128CBC-HS256
	IDTokenEncryptedResponseAlg       string `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEncryptedResponseEnc       string `json:"id_token_encrypted_response_enc,omitempty"`
	UserinfoEncryptedResponseAlg      string `json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEncryptedResponseEnc      string `json:"userinfo_encrypted_response_enc,omitempty"`
	IntrospectionEncryptedResponseAlg string `json:"introspection_encrypted_response_alg,omitempty"`
	IntrospectionEncryptedResponseEnc string `json:"introspection_encrypted_response_enc,omitempty"`
	AuthorizationEncryptedResponseAlg string `json:"authorization_encrypted_response_alg,omitempty"`
	AuthorizationEncryptedResponseEnc string `json:"authorization_encrypted_response_enc,omitempty"`

	SubjectType         string `json:"subject_type,omitempty"`          // public or pairwise (OpenID Connect Core section 8); "" = public
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"` // its host is the sector, where redirect URIs have several
	SoftwareID          string `json:"software_id,omitempty"`           // which program it is, whoever runs it (RFC 7591 section 2)
	SoftwareVersion     string `json:"software_version,omitempty"`      // … and which version of it

	BackchannelLogoutURI              string `json:"backchannel_logout_uri,omitempty"` // told of a sign-out, server to server
	BackchannelLogoutSessionRequired  bool   `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI             string `json:"frontchannel_logout_uri,omitempty"` // told of a sign-out, in the browser
	FrontchannelLogoutSessionRequired bool   `json:"frontchannel_logout_session_required,omitempty"`
	InitiateLoginURI                  string `json:"initiate_login_uri,omitempty"` // where a sign-in that starts elsewhere begins

	AccessTokenSignedResponseAlg string   `json:"access_token_signed_response_alg,omitempty"`
	AccessTokenLifetime          Duration `json:"access_token_lifetime,omitzero"`
	RefreshTokenIdle             Duration `json:"refresh_token_idle,omitzero"`
	RefreshTokenLifetime         Duration `json:"refresh_token_lifetime,omitzero"`
	RequirePKCE                  bool     `json:"require_pkce,omitempty"`
	FirstParty                   bool     `json:"first_party,omitempty"`
	Profile                      string   `json:"profile,omitempty"` // ProfileFAPI2; "" = none
	// tokens of platforms that prove the client, with private_key_jwt
	FederatedCredentials  []FederatedCredential `json:"federated_credentials,omitempty"`
	Exchange              *Exchange             `json:"exchange,omitempty"`                              // what it may exchange (RFC 8693)
	RequirePushedRequests bool                  `json:"require_pushed_authorization_requests,omitempty"` // RFC 9126 section 6
	DetailsTypes          []string              `json:"authorization_details_types,omitempty"`           // RFC 9396 section 10
	// how it learns what a person decided elsewhere (CIBA Core section 4): poll or ping; "" = poll
	BackchannelDelivery     string `json:"backchannel_token_delivery_mode,omitempty"`
	BackchannelNotification string `json:"backchannel_client_notification_endpoint,omitempty"` // where it is told, in mode ping
	// of its requests for such decisions; "" = it need not sign them
	BackchannelSigningAlg string `json:"backchannel_authentication_request_signing_alg,omitempty"`
	// it always proves a key (RFC 9449 section 5.2)
	DPoPBoundAccessTokens bool `json:"dpop_bound_access_tokens,omitempty"`
	// it always has a certificate, and its tokens are bound to it (RFC 8705 section 3.4)
	CertificateBoundAccessTokens bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	// ids of those that are offered to its people; empty = all
	Upstreams           []string `json:"upstreams,omitempty"`
	RequireSecondFactor bool     `json:"require_second_factor,omitempty"` // people sign in with two factors, or not at all
	// seconds since the sign-in for which userinfo answers; 0 = no limit
	UserinfoMaxAge int64 `json:"userinfo_max_age,omitempty"`
	// the claims of the granted scopes are in the ID token, too, not at userinfo only
	IDTokenClaims bool `json:"id_token_claims,omitempty"`
	// claim that names the person's groups, whatever scope is granted; "" = by the scope groups
	GroupsClaim  string   `json:"groups_claim,omitempty"`
	GroupsFilter []string `json:"groups_filter,omitempty"` // which groups it is told: names, and beginnings before a *; empty = all
	RolesClaim   string   `json:"roles_claim,omitempty"`   // the same for roles
	// claims of its own: from what is known of a person, into which places
	ClaimsMap []claimmap.Rule `json:"claims_map,omitempty"`
	MaxGrants int64           `json:"max_grants,omitempty"` // live grants that a person may have at it; 0 = DefaultMaxGrants
	// it acts for people by itself: they say until when, and how often, at most as is said here
	Agent         bool  `json:"agent,omitempty"`
	AgentMaxDays  int64 `json:"agent_max_days,omitempty"`  // 0 = DefaultAgentDays
	AgentMaxCalls int64 `json:"agent_max_calls,omitempty"` // a day; 0 = any number
	// an administrator allowed it the tools at /api/admin/mcp, for people who may do what they do
	AdminTools bool `json:"admin_tools,omitempty"`
	// hash of what people agree to of its metadata document, which is at its id; "" = it has none, but was registered
	DocumentHash string `json:"document_hash,omitempty"`
}

// Live grants that a person may have at one client: each sign-in of an app, and each allowed device, is one.
const (
	DefaultMaxGrants = 100
	MinGrants        = 10 // the lowest limit
	maxGrants        = 100_000
)

// GrantLimit is how many live grants a person may have at the client.
func (m Metadata) GrantLimit() int { return int(cmp.Or(m.MaxGrants, DefaultMaxGrants)) }

// WithDefaults fills in what RFC 7591 section 2 gives a default.
func (m Metadata) WithDefaults() Metadata {
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{AuthorizationCode}
	}
	if len(m.ResponseTypes) == 0 && slices.Contains(m.GrantTypes, AuthorizationCode) {
		m.ResponseTypes = []string{"code"}
	}
	m.ResponseTypes = slices.Clone(m.ResponseTypes)
	for i, r := range m.ResponseTypes {
		m.ResponseTypes[i] = ResponseType(r)
	}
	if m.TokenEndpointAuthMethod == "" {
		m.TokenEndpointAuthMethod = MethodBasic
		if m.JWKS != nil || m.JWKSURI != "" {
			m.TokenEndpointAuthMethod = MethodJWTKey
		}
	}
	if m.ApplicationType == "" {
		m.ApplicationType = Web
		if len(m.RedirectURIs) > 0 && !slices.ContainsFunc(m.RedirectURIs, func(u string) bool { return !LooksNative(u) }) {
			m.ApplicationType = Native
		}
	}
	if m.ClientName == "" {
		m.ClientName = m.ClientID
	}
	return m.withProfile()
}

// LooksLikePerson reports whether an id has the form of a person's: 26 letters and digits of base32. The sub of a token
// without a person is the client's id, and must not be mistaken for one (RFC 9068 section 5, rule J16).
func LooksLikePerson(id string) bool {
	const length = 26
	return len(id) == length && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// HasSecret reports whether the registered authentication method needs a client secret.
func (m Metadata) HasSecret() bool {
	return m.TokenEndpointAuthMethod == MethodBasic || m.TokenEndpointAuthMethod == MethodPost || m.signsWithSecret()
}

// Validate checks the metadata (after WithDefaults) and reports every mistake at once, naming field and remedy.
func (m Metadata) Validate(privateSchemes ...string) error {
	var errs []error
	check := func(ok bool, field, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
		}
	}
	check(validID(m.ClientID) || m.DocumentHash != "" && m.ByAddress(), "client_id",
		"use 1 to 128 printable ASCII characters without space, quote or backslash")
	check(!LooksLikePerson(m.ClientID), "client_id",
		"has the form of a person's id (26 capitals and digits); choose another, for it becomes the sub of tokens")
	check(utf8.RuneCountInString(m.ClientName) <= 80 && plainText(m.ClientName), "client_name",
		"use at most 80 characters, none of them invisible")
	check(m.ApplicationType == Web || m.ApplicationType == Native, "application_type", "is %q; use web or native", m.ApplicationType)
	check(!strings.HasPrefix(m.ClientID, reservedPrefix), "client_id", "names that begin with %s are Signet's own", reservedPrefix)
	for s := range strings.FieldsSeq(m.Scope) {
		check(validScope(s), "scope", "%q has characters a scope must not have (RFC 6749 section 3.3)", s)
		check(m.FirstParty || tools.Is(s) || !strings.HasPrefix(s, reservedPrefix), "scope",
			"%q administers this server: only first-party clients may have it", s)
		check(!tools.Is(s), "scope", "%q is not registered: an administrator allows the client the tools (admin_tools)", s)
	}
	check(len(m.Scope) <= 4096, "scope", "is longer than 4096 characters")
	check(len(m.Contacts) <= 10, "contacts", "at most 10")
	for _, c := range m.Contacts {
		check(len(c) <= 254 && plainText(c), "contacts", "%q is longer than 254 bytes or has invisible characters", c)
	}
	for _, software := range [][2]string{{"software_id", m.SoftwareID}, {"software_version", m.SoftwareVersion}} {
		check(len(software[1]) <= 255 && plainText(software[1]), software[0], "use at most 255 bytes, none of them invisible")
	}
	check(m.DefaultMaxAge == nil || *m.DefaultMaxAge >= 0 && *m.DefaultMaxAge <= math.MaxInt32, "default_max_age",
		"must be a number of seconds, 0 to 2147483647")
	check(m.AccessTokenLifetime >= 0 && time.Duration(m.AccessTokenLifetime) <= time.Hour, "access_token_lifetime", "use at most 1h")
	check(m.UserinfoMaxAge >= 0, "userinfo_max_age", "must be a number of seconds, 0 or more")
	check(len(m.Upstreams) <= 50, "upstreams", "at most 50")
	for _, id := range m.Upstreams {
		check(validScope(id) && len(id) <= 32, "upstreams", "%q is no id of an upstream", id)
	}
	check(len(m.DefaultACRValues) <= 10, "default_acr_values", "at most 10")
	for _, v := range m.DefaultACRValues {
		check(validScope(v) && len(v) <= 100, "default_acr_values", "%q has characters that a value must not have", v)
	}
	for _, claim := range [][2]string{{"groups_claim", m.GroupsClaim}, {"roles_claim", m.RolesClaim}} {
		check(claim[1] == "" || validClaim(claim[1]), claim[0],
			"%q is no name that can be given: use at most 100 letters, digits and _ . : / -, and none of a standard claim", claim[1])
	}
	check(len(m.GroupsFilter) <= 100, "groups_filter", "at most 100")
	for _, g := range m.GroupsFilter {
		check(g != "" && len(g) <= 100 && plainText(g) && !strings.Contains(strings.TrimSuffix(g, "*"), "*"), "groups_filter",
			"%q is neither a group's name nor the beginning of one before a *, like shop-*", g)
	}
	check(m.MaxGrants == 0 || m.MaxGrants >= MinGrants && m.MaxGrants <= maxGrants, "max_grants", "must be between %d and %d, or 0 for %d",
		MinGrants, maxGrants, DefaultMaxGrants)
	check(m.RefreshTokenIdle >= 0, "refresh_token_idle", "must not be negative")
	check(m.RefreshTokenLifetime >= 0, "refresh_token_lifetime", "must not be negative")
	for _, link := range [][2]string{{"client_uri", m.ClientURI}, {"logo_uri", m.LogoURI}, {"policy_uri", m.PolicyURI},
		{"tos_uri", m.TOSURI}} {
		check(link[1] == "" || httpsLink(link[1]), link[0], "%s", wantsLink)
	}
	return errors.Join(
		slices.Concat(errs, m.validateGrants(), m.validateAuth(), m.validateKeys(AssertionAlgs), m.validateRedirects(privateSchemes),
			m.validateSignout(),
			m.validateAlgs(), m.validateSubject(), m.validateExchange(), m.validateAgent(), m.validateBackchannel(), m.validateLocalized(),
			detail.ValidateNames(m.DetailsTypes), claimmap.Validate(m.ClaimsMap, m.GroupsClaim, m.RolesClaim))...)
}

// validClaim reports whether a client may have our claim under the name: none that the protocol or a standard claim has.
func validClaim(name string) bool {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.:/-", r))
	}
	return len(name) <= 100 && !strings.ContainsFunc(name, odd) && !slices.Contains(takenClaims, name)
}

var takenClaims = strings.Fields(
	`iss sub aud exp iat nbf jti auth_time nonce acr amr azp sid at_hash c_hash cnf act may_act events scope client_id authorization_details
	grant_id name given_name family_name middle_name nickname preferred_username profile picture website email email_verified
	gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at`)

// validateGrants checks grant types against each other, against response types (RFC 7591 section 2.1) and against who asks.
func (m Metadata) validateGrants() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	public := m.TokenEndpointAuthMethod == MethodNone
	for _, g := range m.GrantTypes {
		if !slices.Contains(grantTypes, g) {
			add("grant_types: %q is not offered", g)
		}
	}
	errs = append(errs, m.validateResponses()...)
	followed := func(g string) bool { return g == AuthorizationCode || g == Password || g == DeviceCode || g == CIBA }
	if slices.Contains(m.GrantTypes, RefreshToken) && !slices.ContainsFunc(m.GrantTypes, followed) {
		add("grant_types: refresh_token follows another grant; add authorization_code")
	}
	if public && slices.Contains(m.GrantTypes, ClientCredentials) {
		add("grant_types: client_credentials needs a client that can prove itself; a public one cannot")
	}
	if public && slices.Contains(m.GrantTypes, JWTBearer) {
		add("grant_types: %s needs a client that can prove itself; a public one cannot", JWTBearer)
	}
	if slices.Contains(m.GrantTypes, Password) && (public || !m.FirstParty) {
		add("grant_types: password is for confidential first-party clients only; set first_party: true, or better use authorization_code")
	}
	return errs
}

func (m Metadata) validateAuth() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch m.TokenEndpointAuthMethod {
	case MethodNone:
		if m.ClientSecret != "" {
			add("client_secret: a public client (token_endpoint_auth_method none) has none; remove it")
		}
	case MethodBasic, MethodPost:
	case MethodJWTSecret:
		if least := secretSize(m.TokenEndpointAuthSigningAlg); m.ClientSecret != "" && len(m.ClientSecret) < least {
			add("client_secret: client_secret_jwt needs %d bytes at least (RFC 7518 section 3.2)", least)
		}
	case MethodJWTKey:
		if (m.JWKS == nil || len(m.JWKS.Keys) == 0) && m.JWKSURI == "" && len(m.FederatedCredentials) == 0 {
			add("jwks: private_key_jwt needs the client's public keys, here or at jwks_uri")
		}
		if m.ClientSecret != "" {
			add("client_secret: a client with private_key_jwt has none; remove it")
		}
	case MethodTLS, MethodSelfSigned:
	default:
		add("token_endpoint_auth_method: %q is not offered; use none, client_secret_basic, client_secret_post, client_secret_jwt, "+
			"private_key_jwt, "+
			"tls_client_auth or self_signed_tls_client_auth", m.TokenEndpointAuthMethod)
	}
	return slices.Concat(errs, m.validateCertificate(), m.validateFederated())
}

func (m Metadata) validateKeys(offered []string) (errs []error) {
	if m.JWKSURI != "" && m.JWKS != nil {
		errs = append(errs, errors.New("jwks_uri: there is jwks beside it; leave one of them out (RFC 7591 section 2)"))
	}
	if m.JWKSURI != "" && !httpsLink(m.JWKSURI) {
		errs = append(errs, errors.New("jwks_uri: "+wantsLink))
	}
	if m.JWKS == nil {
		return errs
	}
	seen := map[string]bool{}
	for i, k := range m.JWKS.Keys {
		if k.Use == "enc" && k.Valid() && k.IsPublic() && !oddRSA(k.Key) {
			continue // not for signatures
		}
		switch {
		case !k.Valid() || !k.IsPublic():
			errs = append(errs, fmt.Errorf("jwks: key %d must be a valid public key", i))
		case oddRSA(k.Key):
			errs = append(errs, fmt.Errorf("jwks: key %d must have 2048 to 8192 bits", i))
		case !slices.ContainsFunc(offered, func(alg string) bool { return Verifies(k, alg) }) && !m.encryptsTo(k):
			errs = append(errs,
				fmt.Errorf("jwks: key %d cannot verify any of %s; use P-256, RSA or Ed25519, for use sig", i, strings.Join(offered, ", ")))
		case k.KeyID != "" && seen[k.KeyID]:
			errs = append(errs, fmt.Errorf("jwks: two keys have the kid %q", k.KeyID))
		}
		seen[k.KeyID] = true
	}
	if len(m.JWKS.Keys) > 10 {
		errs = append(errs, errors.New("jwks: at most 10 keys"))
	}
	return errs
}

// GoodSize reports whether a public key is one that is taken: RSA has 2048 bits at least, and no more than can be verified quickly for
// anybody who asks.
func GoodSize(k jose.JSONWebKey) bool { return !oddRSA(k.Key) }

func oddRSA(key any) bool {
	k, ok := key.(*rsa.PublicKey)
	return ok && (k.N.BitLen() < 2048 || k.N.BitLen() > 8192)
}

// Verifies reports whether a key of a client, or of an issuer that is trusted, is one for signatures of the algorithm: key type, curve, use
// and alg must all fit (RFC 8725 section 3.1).
func Verifies(k jose.JSONWebKey, alg string) bool {
	if k.Algorithm != "" && k.Algorithm != alg || k.Use != "" && k.Use != "sig" {
		return false
	}
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		return alg == "ES256" && key.Curve == elliptic.P256() || alg == "ES384" && key.Curve == elliptic.P384()
	case *rsa.PublicKey:
		return alg == "RS256" || alg == "PS256"
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

func (m Metadata) validateAlgs() (errs []error) {
	errs = slices.Concat(m.validateProfile(), m.validateSigned(), m.validateEncrypted(), m.validateObjects())
	offered := AssertionAlgs
	if m.signsWithSecret() {
		offered = algs.Secrets
	}
	if a := m.TokenEndpointAuthSigningAlg; a != "" && !slices.Contains(offered, a) {
		errs = append(errs, fmt.Errorf("token_endpoint_auth_signing_alg: %q is not offered; use one of %s", a, strings.Join(offered, ", ")))
	}
	return errs
}

// AssertionAlgs are the signature algorithms client assertions may have.
var AssertionAlgs = []string{"ES256", "PS256", "RS256", "EdDSA"}

// MarshalStored is the JSON kept in the database: without the secret.
func (m Metadata) MarshalStored() (json.RawMessage, error) {
	m.ClientSecret = ""
	return json.Marshal(m)
}

func validID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func validScope(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != "" && s != "*" && len(s) <= 128
}

func plainText(s string) bool {
	return utf8.ValidString(s) && !typed.Hidden(s)
}

// What is to be said of an address that httpsLink, or one that redirectBytes, does not take.
const (
	wantsLink = "must be an https address of at most 512 characters" + inASCII
	wantsURI  = "is not an absolute URI of at most 512 characters" + inASCII
	inASCII   = ", in ASCII (RFC 3986): an international name as xn--, others as %C3%BC"
)

func httpsLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !oddHost(u) && redirectBytes(s) && len(s) <= 512
}
