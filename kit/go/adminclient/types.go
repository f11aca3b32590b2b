// Code generated from the document of the API by internal/clientgen. DO NOT EDIT.

package adminclient

import "time"

// Agent is an object of the API.
type Agent struct {
	AgreedAt   time.Time `json:"agreed_at"`
	CallsADay  *int64    `json:"calls_a_day,omitzero"` // At each API; none = any number.
	ClientID   string    `json:"client_id"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	Name       string    `json:"name,omitzero"`
	PausedAt   time.Time `json:"paused_at,omitzero"`
	Resources  []string  `json:"resources,omitzero"`
	Scope      string    `json:"scope"`
	Until      time.Time `json:"until"` // It may act no longer.
}

// APIKeyInBody is an object of the API.
type APIKeyInBody struct {
	ClientID    string    `json:"client_id"`         // The app that it belongs to, which bounds what it permits.
	ExpiresAt   time.Time `json:"expires_at"`        // Within 365 days.
	Name        string    `json:"name"`              // What it is for.
	Networks    []string  `json:"networks,omitzero"` // Where it is taken from, like 192.0.2.0/24; anywhere if left out.
	Permissions []string  `json:"permissions"`       // Of the scopes of the app.
}

// APIKeyMade is an object of the API.
type APIKeyMade struct {
	APIKey      string    `json:"api_key"` // Shown this once.
	ClientID    string    `json:"client_id"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by"`
	ExpiresAt   time.Time `json:"expires_at"`
	ID          string    `json:"id"`
	LastUsedAt  time.Time `json:"last_used_at,omitzero"`
	Name        string    `json:"name"`
	Networks    []string  `json:"networks,omitzero"`
	Permissions []string  `json:"permissions"`
}

// ClaimsInBody is an object of the API.
type ClaimsInBody struct {
	Claims map[string]any `json:"claims"` // Merged into those that there are; null removes one (RFC 7396).
}

// Client is an object of the API.
type Client struct {
	AccessTokenLifetime                        string           `json:"access_token_lifetime,omitzero"` // Like 10m.
	AccessTokenSignedResponseAlg               string           `json:"access_token_signed_response_alg,omitzero"`
	AdminTools                                 *bool            `json:"admin_tools,omitzero"`
	Agent                                      *bool            `json:"agent,omitzero"`
	AgentMaxCalls                              *int64           `json:"agent_max_calls,omitzero"`
	AgentMaxDays                               *int64           `json:"agent_max_days,omitzero"`
	ApplicationType                            string           `json:"application_type,omitzero"`
	AuthorizationDetailsTypes                  []string         `json:"authorization_details_types,omitzero"`
	AuthorizationEncryptedResponseAlg          string           `json:"authorization_encrypted_response_alg,omitzero"`
	AuthorizationEncryptedResponseEnc          string           `json:"authorization_encrypted_response_enc,omitzero"`
	AuthorizationSignedResponseAlg             string           `json:"authorization_signed_response_alg,omitzero"`
	BackchannelAuthenticationRequestSigningAlg string           `json:"backchannel_authentication_request_signing_alg,omitzero"`
	BackchannelClientNotificationEndpoint      string           `json:"backchannel_client_notification_endpoint,omitzero"`
	BackchannelLogoutSessionRequired           *bool            `json:"backchannel_logout_session_required,omitzero"`
	BackchannelLogoutURI                       string           `json:"backchannel_logout_uri,omitzero"`
	BackchannelTokenDeliveryMode               string           `json:"backchannel_token_delivery_mode,omitzero"`
	ClaimsMap                                  []map[string]any `json:"claims_map,omitzero"`
	ClientID                                   string           `json:"client_id"`
	ClientName                                 string           `json:"client_name,omitzero"`
	ClientSecret                               string           `json:"client_secret,omitzero"`
	ClientURI                                  string           `json:"client_uri,omitzero"`
	Contacts                                   []string         `json:"contacts,omitzero"`
	Declared                                   bool             `json:"declared"` // It is in the configuration: change it there.
	DefaultACRValues                           []string         `json:"default_acr_values,omitzero"`
	DefaultMaxAge                              *int64           `json:"default_max_age,omitzero"`
	Disabled                                   bool             `json:"disabled"`
	DPOPBoundAccessTokens                      *bool            `json:"dpop_bound_access_tokens,omitzero"`
	Exchange                                   map[string]any   `json:"exchange,omitzero"`
	FederatedCredentials                       []map[string]any `json:"federated_credentials,omitzero"`
	FirstParty                                 *bool            `json:"first_party,omitzero"`
	FrontchannelLogoutSessionRequired          *bool            `json:"frontchannel_logout_session_required,omitzero"`
	FrontchannelLogoutURI                      string           `json:"frontchannel_logout_uri,omitzero"`
	GrantTypes                                 []string         `json:"grant_types,omitzero"`
	GroupsClaim                                string           `json:"groups_claim,omitzero"`
	GroupsFilter                               []string         `json:"groups_filter,omitzero"`
	IDTokenClaims                              *bool            `json:"id_token_claims,omitzero"`
	IDTokenEncryptedResponseAlg                string           `json:"id_token_encrypted_response_alg,omitzero"`
	IDTokenEncryptedResponseEnc                string           `json:"id_token_encrypted_response_enc,omitzero"`
	IDTokenSignedResponseAlg                   string           `json:"id_token_signed_response_alg,omitzero"`
	InitiateLoginURI                           string           `json:"initiate_login_uri,omitzero"`
	IntrospectionEncryptedResponseAlg          string           `json:"introspection_encrypted_response_alg,omitzero"`
	IntrospectionEncryptedResponseEnc          string           `json:"introspection_encrypted_response_enc,omitzero"`
	IntrospectionSignedResponseAlg             string           `json:"introspection_signed_response_alg,omitzero"`
	JWKS                                       map[string]any   `json:"jwks,omitzero"`
	JWKSURI                                    string           `json:"jwks_uri,omitzero"`
	Localized                                  map[string]any   `json:"localized,omitzero"`
	LogoURI                                    string           `json:"logo_uri,omitzero"`
	MaxGrants                                  *int64           `json:"max_grants,omitzero"`
	PolicyURI                                  string           `json:"policy_uri,omitzero"`
	PostLogoutRedirectURIs                     []string         `json:"post_logout_redirect_uris,omitzero"`
	Profile                                    string           `json:"profile,omitzero"`
	RedirectURIs                               []string         `json:"redirect_uris,omitzero"`
	RefreshTokenIdle                           string           `json:"refresh_token_idle,omitzero"`     // Like 10m.
	RefreshTokenLifetime                       string           `json:"refresh_token_lifetime,omitzero"` // Like 10m.
	RequestObjectEncryptionAlg                 string           `json:"request_object_encryption_alg,omitzero"`
	RequestObjectEncryptionEnc                 string           `json:"request_object_encryption_enc,omitzero"`
	RequestObjectSigningAlg                    string           `json:"request_object_signing_alg,omitzero"`
	RequestURIs                                []string         `json:"request_uris,omitzero"`
	RequireAuthTime                            *bool            `json:"require_auth_time,omitzero"`
	RequirePKCE                                *bool            `json:"require_pkce,omitzero"`
	RequirePushedAuthorizationRequests         *bool            `json:"require_pushed_authorization_requests,omitzero"`
	RequireSecondFactor                        *bool            `json:"require_second_factor,omitzero"`
	RequireSignedRequestObject                 *bool            `json:"require_signed_request_object,omitzero"`
	ResponseTypes                              []string         `json:"response_types,omitzero"`
	RolesClaim                                 string           `json:"roles_claim,omitzero"`
	Scope                                      string           `json:"scope,omitzero"`
	SectorIdentifierURI                        string           `json:"sector_identifier_uri,omitzero"`
	SoftwareID                                 string           `json:"software_id,omitzero"`
	SoftwareVersion                            string           `json:"software_version,omitzero"`
	SubjectType                                string           `json:"subject_type,omitzero"`
	TLSClientAuthSANDNS                        string           `json:"tls_client_auth_san_dns,omitzero"`
	TLSClientAuthSANEmail                      string           `json:"tls_client_auth_san_email,omitzero"`
	TLSClientAuthSANIP                         string           `json:"tls_client_auth_san_ip,omitzero"`
	TLSClientAuthSANURI                        string           `json:"tls_client_auth_san_uri,omitzero"`
	TLSClientAuthSubjectDN                     string           `json:"tls_client_auth_subject_dn,omitzero"`
	TLSClientCertificateBoundAccessTokens      *bool            `json:"tls_client_certificate_bound_access_tokens,omitzero"`
	TokenEndpointAuthMethod                    string           `json:"token_endpoint_auth_method,omitzero"`
	TokenEndpointAuthSigningAlg                string           `json:"token_endpoint_auth_signing_alg,omitzero"`
	TosURI                                     string           `json:"tos_uri,omitzero"`
	Upstreams                                  []string         `json:"upstreams,omitzero"`
	UserinfoEncryptedResponseAlg               string           `json:"userinfo_encrypted_response_alg,omitzero"`
	UserinfoEncryptedResponseEnc               string           `json:"userinfo_encrypted_response_enc,omitzero"`
	UserinfoMaxAge                             *int64           `json:"userinfo_max_age,omitzero"`
	UserinfoSignedResponseAlg                  string           `json:"userinfo_signed_response_alg,omitzero"`
}

// ClientBody is an object of the API.
type ClientBody struct {
	AccessTokenLifetime                        string           `json:"access_token_lifetime,omitzero"` // Like 10m.
	AccessTokenSignedResponseAlg               string           `json:"access_token_signed_response_alg,omitzero"`
	AdminTools                                 *bool            `json:"admin_tools,omitzero"`
	Agent                                      *bool            `json:"agent,omitzero"`
	AgentMaxCalls                              *int64           `json:"agent_max_calls,omitzero"`
	AgentMaxDays                               *int64           `json:"agent_max_days,omitzero"`
	ApplicationType                            string           `json:"application_type,omitzero"`
	AuthorizationDetailsTypes                  []string         `json:"authorization_details_types,omitzero"`
	AuthorizationEncryptedResponseAlg          string           `json:"authorization_encrypted_response_alg,omitzero"`
	AuthorizationEncryptedResponseEnc          string           `json:"authorization_encrypted_response_enc,omitzero"`
	AuthorizationSignedResponseAlg             string           `json:"authorization_signed_response_alg,omitzero"`
	BackchannelAuthenticationRequestSigningAlg string           `json:"backchannel_authentication_request_signing_alg,omitzero"`
	BackchannelClientNotificationEndpoint      string           `json:"backchannel_client_notification_endpoint,omitzero"`
	BackchannelLogoutSessionRequired           *bool            `json:"backchannel_logout_session_required,omitzero"`
	BackchannelLogoutURI                       string           `json:"backchannel_logout_uri,omitzero"`
	BackchannelTokenDeliveryMode               string           `json:"backchannel_token_delivery_mode,omitzero"`
	ClaimsMap                                  []map[string]any `json:"claims_map,omitzero"`
	ClientID                                   string           `json:"client_id,omitzero"`
	ClientName                                 string           `json:"client_name,omitzero"`
	ClientSecret                               string           `json:"client_secret,omitzero"`
	ClientURI                                  string           `json:"client_uri,omitzero"`
	Contacts                                   []string         `json:"contacts,omitzero"`
	DefaultACRValues                           []string         `json:"default_acr_values,omitzero"`
	DefaultMaxAge                              *int64           `json:"default_max_age,omitzero"`
	DPOPBoundAccessTokens                      *bool            `json:"dpop_bound_access_tokens,omitzero"`
	Exchange                                   map[string]any   `json:"exchange,omitzero"`
	FederatedCredentials                       []map[string]any `json:"federated_credentials,omitzero"`
	FirstParty                                 *bool            `json:"first_party,omitzero"`
	FrontchannelLogoutSessionRequired          *bool            `json:"frontchannel_logout_session_required,omitzero"`
	FrontchannelLogoutURI                      string           `json:"frontchannel_logout_uri,omitzero"`
	GrantTypes                                 []string         `json:"grant_types,omitzero"`
	GroupsClaim                                string           `json:"groups_claim,omitzero"`
	GroupsFilter                               []string         `json:"groups_filter,omitzero"`
	IDTokenClaims                              *bool            `json:"id_token_claims,omitzero"`
	IDTokenEncryptedResponseAlg                string           `json:"id_token_encrypted_response_alg,omitzero"`
	IDTokenEncryptedResponseEnc                string           `json:"id_token_encrypted_response_enc,omitzero"`
	IDTokenSignedResponseAlg                   string           `json:"id_token_signed_response_alg,omitzero"`
	InitiateLoginURI                           string           `json:"initiate_login_uri,omitzero"`
	IntrospectionEncryptedResponseAlg          string           `json:"introspection_encrypted_response_alg,omitzero"`
	IntrospectionEncryptedResponseEnc          string           `json:"introspection_encrypted_response_enc,omitzero"`
	IntrospectionSignedResponseAlg             string           `json:"introspection_signed_response_alg,omitzero"`
	JWKS                                       map[string]any   `json:"jwks,omitzero"`
	JWKSURI                                    string           `json:"jwks_uri,omitzero"`
	Localized                                  map[string]any   `json:"localized,omitzero"`
	LogoURI                                    string           `json:"logo_uri,omitzero"`
	MaxGrants                                  *int64           `json:"max_grants,omitzero"`
	PolicyURI                                  string           `json:"policy_uri,omitzero"`
	PostLogoutRedirectURIs                     []string         `json:"post_logout_redirect_uris,omitzero"`
	Profile                                    string           `json:"profile,omitzero"`
	RedirectURIs                               []string         `json:"redirect_uris,omitzero"`
	RefreshTokenIdle                           string           `json:"refresh_token_idle,omitzero"`     // Like 10m.
	RefreshTokenLifetime                       string           `json:"refresh_token_lifetime,omitzero"` // Like 10m.
	RequestObjectEncryptionAlg                 string           `json:"request_object_encryption_alg,omitzero"`
	RequestObjectEncryptionEnc                 string           `json:"request_object_encryption_enc,omitzero"`
	RequestObjectSigningAlg                    string           `json:"request_object_signing_alg,omitzero"`
	RequestURIs                                []string         `json:"request_uris,omitzero"`
	RequireAuthTime                            *bool            `json:"require_auth_time,omitzero"`
	RequirePKCE                                *bool            `json:"require_pkce,omitzero"`
	RequirePushedAuthorizationRequests         *bool            `json:"require_pushed_authorization_requests,omitzero"`
	RequireSecondFactor                        *bool            `json:"require_second_factor,omitzero"`
	RequireSignedRequestObject                 *bool            `json:"require_signed_request_object,omitzero"`
	ResponseTypes                              []string         `json:"response_types,omitzero"`
	RolesClaim                                 string           `json:"roles_claim,omitzero"`
	Scope                                      string           `json:"scope,omitzero"`
	SectorIdentifierURI                        string           `json:"sector_identifier_uri,omitzero"`
	SoftwareID                                 string           `json:"software_id,omitzero"`
	SoftwareVersion                            string           `json:"software_version,omitzero"`
	SubjectType                                string           `json:"subject_type,omitzero"`
	TLSClientAuthSANDNS                        string           `json:"tls_client_auth_san_dns,omitzero"`
	TLSClientAuthSANEmail                      string           `json:"tls_client_auth_san_email,omitzero"`
	TLSClientAuthSANIP                         string           `json:"tls_client_auth_san_ip,omitzero"`
	TLSClientAuthSANURI                        string           `json:"tls_client_auth_san_uri,omitzero"`
	TLSClientAuthSubjectDN                     string           `json:"tls_client_auth_subject_dn,omitzero"`
	TLSClientCertificateBoundAccessTokens      *bool            `json:"tls_client_certificate_bound_access_tokens,omitzero"`
	TokenEndpointAuthMethod                    string           `json:"token_endpoint_auth_method,omitzero"`
	TokenEndpointAuthSigningAlg                string           `json:"token_endpoint_auth_signing_alg,omitzero"`
	TosURI                                     string           `json:"tos_uri,omitzero"`
	Upstreams                                  []string         `json:"upstreams,omitzero"`
	UserinfoEncryptedResponseAlg               string           `json:"userinfo_encrypted_response_alg,omitzero"`
	UserinfoEncryptedResponseEnc               string           `json:"userinfo_encrypted_response_enc,omitzero"`
	UserinfoMaxAge                             *int64           `json:"userinfo_max_age,omitzero"`
	UserinfoSignedResponseAlg                  string           `json:"userinfo_signed_response_alg,omitzero"`
}

// ClientSecret is an object of the API.
type ClientSecret struct {
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"` // It is refused from then on; none = it does not expire.
	ID         string    `json:"id"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"` // To the minute or so; none = never.
}

// Consent is an object of the API.
type Consent struct {
	CallsADay *int64    `json:"calls_a_day,omitzero"` // Of an agent, at each API; none = any number.
	ClientID  string    `json:"client_id"`
	CreatedAt time.Time `json:"created_at"`
	PausedAt  time.Time `json:"paused_at,omitzero"` // Of an agent that the person paused.
	Resources []string  `json:"resources,omitzero"` // Identifiers of the APIs that were shown.
	Scope     string    `json:"scope"`              // Granted, separated by spaces.
	Until     time.Time `json:"until,omitzero"`     // Of an agent: it may act no longer.
	UpdatedAt time.Time `json:"updated_at"`         // Agreed to last.
}

// Delivery is an object of the API.
type Delivery struct {
	CreatedAt time.Time `json:"created_at"`
	DueAt     time.Time `json:"due_at,omitzero"`
	FailedAt  time.Time `json:"failed_at,omitzero"` // It was given up then.
	ID        string    `json:"id"`
	LastError string    `json:"last_error,omitzero"`
	Tries     int64     `json:"tries"`
}

// EmailInBody is an object of the API.
type EmailInBody struct {
	Email    string `json:"email"`
	Verified *bool  `json:"verified,omitzero"` // You know that the address is theirs.
}

// Endpoint is an object of the API.
type Endpoint struct {
	Description string   `json:"description,omitzero"`
	Events      []string `json:"events"` // Names, beginnings of names with the dot at their end, or *.
	URL         string   `json:"url"`
}

// Event is an object of the API.
type Event struct {
	ActorID   string    `json:"actor_id,omitzero"`
	ActorKind string    `json:"actor_kind,omitzero"`
	Agent     string    `json:"agent,omitzero"`
	At        time.Time `json:"at"`
	ClientID  string    `json:"client_id,omitzero"`
	Detail    any       `json:"detail,omitzero"`
	GrantID   string    `json:"grant_id,omitzero"`
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Network   string    `json:"network,omitzero"`
	Outcome   string    `json:"outcome"`
	RequestID string    `json:"request_id,omitzero"`
	SessionID string    `json:"session_id,omitzero"`
	UserID    string    `json:"user_id,omitzero"`
}

// Explained is an object of the API.
type Explained struct {
	Events []Event `json:"events"` // What the request wrote into the audit log, newest first.
	Found  string  `json:"found"`  // What was wrong.
	Remedy string  `json:"remedy"` // How to fix it.
	Steps  []Step  `json:"steps"`  // What was checked, in order, to the check that failed.
	Trace  Trace   `json:"trace"`
}

// Fact is an object of the API.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Factors is an object of the API.
type Factors struct {
	Authenticator bool       `json:"authenticator"` // An authenticator app is set up.
	Identities    []Identity `json:"identities"`    // Accounts at upstreams.
	Passkeys      []Passkey  `json:"passkeys"`
	Password      bool       `json:"password"`
	RecoveryCodes int64      `json:"recovery_codes"` // How many are left.
}

// Finding is an object of the API.
type Finding struct {
	Check  string `json:"check"`
	Remedy string `json:"remedy,omitzero"` // How to fix it.
	State  string `json:"state"`
	Text   string `json:"text"` // What was found.
}

// FirstSignIn is an object of the API.
type FirstSignIn struct {
	At       time.Time `json:"at,omitzero"`      // Since when.
	Refused  *Mistake  `json:"refused,omitzero"` // The last request of the app that was refused, if that was after it.
	Scope    string    `json:"scope,omitzero"`   // What it was granted.
	SignedIn bool      `json:"signed_in"`        // Somebody is signed in at the app now: it has exchanged a code for tokens.
}

// FootLink is an object of the API.
type FootLink struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Grant is an object of the API.
type Grant struct {
	ClientID   string    `json:"client_id"`
	CreatedAt  time.Time `json:"created_at"`
	EndsAt     time.Time `json:"ends_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	ID         string    `json:"id"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	Offline    bool      `json:"offline"`
	Resources  []string  `json:"resources,omitzero"`
	Scope      string    `json:"scope"`
	SessionID  string    `json:"session_id,omitzero"`
	UserID     string    `json:"user_id"`
}

// Group is an object of the API.
type Group struct {
	CreatedAt   time.Time `json:"created_at"`
	Description string    `json:"description"`
	Name        string    `json:"name"`
}

// GroupInBody is an object of the API.
type GroupInBody struct {
	Description string `json:"description,omitzero"`
}

// Holders is an object of the API.
type Holders struct {
	Groups []string `json:"groups"`
	Next   string   `json:"next,omitzero"`
	People []string `json:"people"`
}

// Identity is an object of the API.
type Identity struct {
	ISS        string    `json:"iss"`
	Label      string    `json:"label,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	Sub        string    `json:"sub"`
	Upstream   string    `json:"upstream"`
}

// Imported is an object of the API.
type Imported struct {
	Created   int64          `json:"created"`
	DryRun    bool           `json:"dry_run"`
	Lines     []ImportedLine `json:"lines"` // What became of each line.
	Refused   int64          `json:"refused"`
	Unchanged int64          `json:"unchanged"`
	Updated   int64          `json:"updated"`
}

// ImportedLine is an object of the API.
type ImportedLine struct {
	Error  string `json:"error,omitzero"` // Why it was refused.
	ID     string `json:"id,omitzero"`    // The person's, where the line has none.
	Line   int64  `json:"line"`
	Result string `json:"result"`
}

// Info is an object of the API.
type Info struct {
	Alg       string    `json:"alg"`
	KID       string    `json:"kid"`
	MadeAt    time.Time `json:"made_at"`
	RetiresAt time.Time `json:"retires_at,omitzero"`
	SignsFrom time.Time `json:"signs_from,omitzero"`
	State     string    `json:"state"`
}

// Key is an object of the API.
type Key struct {
	ClientID    string    `json:"client_id"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by"`
	ExpiresAt   time.Time `json:"expires_at"`
	ID          string    `json:"id"`
	LastUsedAt  time.Time `json:"last_used_at,omitzero"`
	Name        string    `json:"name"`
	Networks    []string  `json:"networks,omitzero"`
	Permissions []string  `json:"permissions"`
}

// Link is an object of the API.
type Link struct {
	Link string `json:"link,omitzero"`
	Sent bool   `json:"sent"`
}

// LinkInBody is an object of the API.
type LinkInBody struct {
	Send *bool `json:"send,omitzero"` // Mail it to the person; then it is not in the answer.
}

// Managed is an object of the API.
type Managed struct {
	Applied map[string]any `json:"applied"` // What the files said last.
	At      time.Time      `json:"at"`
	By      string         `json:"by"` // Who applied it last.
	Key     string         `json:"key"`
	Kind    string         `json:"kind"`
	Owner   string         `json:"owner"`
	Version int64          `json:"version"` // What a step names that was planned on this.
}

// Mistake is an object of the API.
type Mistake struct {
	At        time.Time `json:"at"`
	Check     string    `json:"check"` // What failed.
	Found     string    `json:"found"`
	Reference string    `json:"reference"`
	Remedy    string    `json:"remedy"`
	Route     string    `json:"route"`
}

// Passkey is an object of the API.
type Passkey struct {
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	Name       string    `json:"name"`
}

// PasswordInBody is an object of the API.
type PasswordInBody struct {
	Password string `json:"password"`
}

// Person is an object of the API.
type Person struct {
	Claims        any       `json:"claims,omitzero"` // OpenID Connect standard claims.
	CreatedAt     time.Time `json:"created_at"`
	Disabled      bool      `json:"disabled"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	EraseAt       time.Time `json:"erase_at,omitzero"` // When the account is erased, if that was asked for.
	Frozen        bool      `json:"frozen"`            // They said that a change was not theirs; a new password opens the account again.
	Groups        []string  `json:"groups,omitzero"`   // Only where one person is asked for.
	ID            string    `json:"id"`                // The sub claim.
	Metadata      any       `json:"metadata,omitzero"` // Kept by administrators; only where one person is asked for.
	Roles         []string  `json:"roles,omitzero"`    // Also those held through groups; only where one person is asked for.
	UpdatedAt     time.Time `json:"updated_at"`
	Username      string    `json:"username,omitzero"`
}

// PersonInBody is an object of the API.
type PersonInBody struct {
	Claims        map[string]any `json:"claims,omitzero"` // OpenID Connect standard claims.
	Email         string         `json:"email"`
	EmailVerified *bool          `json:"email_verified,omitzero"` // You know that the address is theirs.
	Metadata      map[string]any `json:"metadata,omitzero"`       // An object that administrators keep. Needs people:metadata.
	Name          string         `json:"name,omitzero"`
	Password      string         `json:"password,omitzero"` // Needs people:credentials. Without one they use a reset link.
	Username      string         `json:"username,omitzero"`
}

// Preview is an object of the API.
type Preview struct {
	AccessToken map[string]any `json:"access_token"` // Claims about the person in the access token.
	ClientID    string         `json:"client_id"`
	IDToken     map[string]any `json:"id_token"` // Claims about the person in the ID token.
	Scopes      []string       `json:"scopes"`   // As if they were granted.
	Sub         string         `json:"sub"`      // What the app calls the person; empty where that cannot be said here.
	Userinfo    map[string]any `json:"userinfo"` // The answer of the userinfo endpoint.
}

// ReplayInBody is an object of the API.
type ReplayInBody struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
}

// Replayed is an object of the API.
type Replayed struct {
	Events int64     `json:"events"`
	Next   time.Time `json:"next,omitzero"` // There may be more: go on since then.
}

// Resource is an object of the API.
type Resource struct {
	AuthorizationDetails []map[string]any `json:"authorization_details,omitzero"`
	Declared             *bool            `json:"declared,omitzero"`
	ExchangedBy          []string         `json:"exchanged_by,omitzero"`
	Identifier           string           `json:"identifier"`
	IntrospectedBy       []string         `json:"introspected_by,omitzero"`
	MaxAge               *int64           `json:"max_age,omitzero"`
	Name                 string           `json:"name,omitzero"`
	Open                 *bool            `json:"open,omitzero"`
	RequireSecondFactor  *bool            `json:"require_second_factor,omitzero"`
	ScopeDetails         map[string]any   `json:"scope_details,omitzero"`
	Scopes               []string         `json:"scopes,omitzero"`
}

// ResourceBody is an object of the API.
type ResourceBody struct {
	AuthorizationDetails []map[string]any `json:"authorization_details,omitzero"`
	Declared             *bool            `json:"declared,omitzero"`
	ExchangedBy          []string         `json:"exchanged_by,omitzero"`
	Identifier           string           `json:"identifier,omitzero"`
	IntrospectedBy       []string         `json:"introspected_by,omitzero"`
	MaxAge               *int64           `json:"max_age,omitzero"`
	Name                 string           `json:"name,omitzero"`
	Open                 *bool            `json:"open,omitzero"`
	RequireSecondFactor  *bool            `json:"require_second_factor,omitzero"`
	ScopeDetails         map[string]any   `json:"scope_details,omitzero"`
	Scopes               []string         `json:"scopes,omitzero"`
}

// RevokeEverythingRequest is an object of the API.
type RevokeEverythingRequest struct {
	SubID SubjectID `json:"sub_id"` // The person, by RFC 9493.
}

// Role is an object of the API.
type Role struct {
	CreatedAt   time.Time `json:"created_at"`
	Description string    `json:"description"`
	Name        string    `json:"name"`
	Permissions []string  `json:"permissions"`
	Shipped     bool      `json:"shipped"` // It came with Signet and cannot be changed.
}

// RoleInBody is an object of the API.
type RoleInBody struct {
	Description string   `json:"description,omitzero"`
	Permissions []string `json:"permissions,omitzero"` // What its holders may do to this server.
}

// RotateKeyRequest is an object of the API.
type RotateKeyRequest struct {
	Alg       string `json:"alg"`                // Like ES256.
	Emergency *bool  `json:"emergency,omitzero"` // Refuse what the keys before signed at once.
}

// Secret is an object of the API.
type Secret struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"` // Shown this once.
}

// SecretInBody is an object of the API.
type SecretInBody struct {
	Keep string `json:"keep,omitzero"` // How long the secrets before stay valid, like 24h; a week if left out.
}

// SecretState is an object of the API.
type SecretState struct {
	Applied bool `json:"applied"` // It is the one that was applied last.
	Valid   bool `json:"valid"`   // The client can authenticate by it.
}

// SectionBody is an object of the API.
type SectionBody struct {
	Color    string           `json:"color,omitzero"`
	From     string           `json:"from,omitzero"`
	Host     string           `json:"host,omitzero"`
	ID       string           `json:"id,omitzero"`
	Links    []map[string]any `json:"links,omitzero"`
	Logo     string           `json:"logo,omitzero"`
	LogoDark string           `json:"logo_dark,omitzero"`
	Name     string           `json:"name,omitzero"`
	Password string           `json:"password,omitzero"`
	Port     *int64           `json:"port,omitzero"`
	ReplyTo  string           `json:"reply_to,omitzero"`
	TLS      string           `json:"tls,omitzero"`
	Username string           `json:"username,omitzero"`
}

// Session is an object of the API.
type Session struct {
	Address   string    `json:"address"`
	Agent     string    `json:"agent"`
	AMR       []string  `json:"amr"`
	AuthTime  time.Time `json:"auth_time"`
	ExpiresAt time.Time `json:"expires_at"`
	ID        string    `json:"id"` // The sid claim.
	SeenAt    time.Time `json:"seen_at"`
	UserID    string    `json:"user_id"`
}

// Setting is an object of the API.
type Setting struct {
	Key    string `json:"key"`
	Origin string `json:"origin"` // default, environment NAME, file NAME line N, flag --NAME, or database.
	Value  string `json:"value"`
}

// Snippet is an object of the API.
type Snippet struct {
	For      string   `json:"for"`
	Text     string   `json:"text"`              // Ready to paste; what is secret has a name in its place.
	Warnings []string `json:"warnings,omitzero"` // Where the app's registration and the library do not go together.
}

// State is an object of the API.
type State struct {
	Color       string     `json:"color,omitzero"` // Of branding, like #1f6f54; shades for light and dark are made of it.
	From        string     `json:"from,omitzero"`  // Of mail: an address, or Name <address>.
	Host        string     `json:"host,omitzero"`  // Of mail: the SMTP server.
	ID          string     `json:"id"`
	Links       []FootLink `json:"links,omitzero"`        // Of branding: at the foot of each page.
	Logo        string     `json:"logo,omitzero"`         // Of branding: the text of an SVG file, or data:image/png;base64,…
	LogoDark    string     `json:"logo_dark,omitzero"`    // Of branding: the one on dark pages, if it is another.
	Name        string     `json:"name,omitzero"`         // Of branding: beside the logo, in titles and emails.
	Origin      string     `json:"origin"`                // declared: config.yaml has it, and only that changes it.
	PasswordSet *bool      `json:"password_set,omitzero"` // Of mail that is stored.
	Port        *int64     `json:"port,omitzero"`         // Of mail; left out: 587, or 465 with tls.
	Problem     string     `json:"problem,omitzero"`      // Why it is stored and not used.
	ReplyTo     string     `json:"reply_to,omitzero"`     // Of mail: where answers go.
	TLS         string     `json:"tls,omitzero"`          // Of mail; left out: starttls.
	Username    string     `json:"username,omitzero"`     // Of mail; the password is never told.
	Version     *int64     `json:"version,omitzero"`      // Of what is stored; another password is another version.
}

// StateInBody is an object of the API.
type StateInBody struct {
	ClientSecret string `json:"client_secret"`
}

// Step is an object of the API.
type Step struct {
	Check   string `json:"check"`
	Outcome string `json:"outcome"`
}

// Steps is an object of the API.
type Steps struct {
	After        map[string]any `json:"after,omitzero"`         // The thing as it is to be; left out: it is deleted.
	Applied      map[string]any `json:"applied,omitzero"`       // What the files say of it; left out: no files keep it any more.
	Before       map[string]any `json:"before,omitzero"`        // The thing as it was planned on; left out: there was none.
	ClientSecret string         `json:"client_secret,omitzero"` // Another one of a client, an upstream, a webhook or the section mail.
	Key          string         `json:"key"`
	Kind         string         `json:"kind"`
	Owner        string         `json:"owner"`            // Whose files keep it from then on.
	Version      *int64         `json:"version,omitzero"` // Of the entry under /managed it was planned on; left out: there was none.
}

// SubjectID is an object of the API.
type SubjectID struct {
	Email  string `json:"email,omitzero"` // Of email.
	Format string `json:"format"`
	ID     string `json:"id,omitzero"`  // Of opaque: the id of the person.
	ISS    string `json:"iss,omitzero"` // Of iss_sub: this server.
	Sub    string `json:"sub,omitzero"` // Of iss_sub: the id of the person, which no pairwise subject is.
}

// TestMailRequest is an object of the API.
type TestMailRequest struct {
	Language string `json:"language,omitzero"` // A tag like de; left out: English.
	To       string `json:"to"`                // An address.
}

// Trace is an object of the API.
type Trace struct {
	At          time.Time `json:"at"`
	ClientID    string    `json:"client_id,omitzero"`
	Code        string    `json:"code"`                 // The error code of the protocol, or the kind of the error page.
	Description string    `json:"description,omitzero"` // What the caller was told.
	Error       string    `json:"error,omitzero"`       // What the log says.
	Facts       []Fact    `json:"facts,omitzero"`
	Network     string    `json:"network,omitzero"`
	Reference   string    `json:"reference"`
	Route       string    `json:"route"`  // Method and path, like POST /oauth2/token.
	Status      int64     `json:"status"` // Of HTTP; 302 where the error went to the app by a redirect.
	UserID      string    `json:"user_id,omitzero"`
}

// Upstream is an object of the API.
type Upstream struct {
	Declared    *bool     `json:"declared,omitzero"`  // config.yaml declares it, and only that changes it.
	Disabled    *bool     `json:"disabled,omitzero"`  // Nobody can sign in there.
	FailedAt    time.Time `json:"failed_at,omitzero"` // When it last could not.
	Failure     string    `json:"failure,omitzero"`   // Why.
	ID          string    `json:"id"`
	Issuer      string    `json:"issuer,omitzero"`
	Kind        string    `json:"kind"`
	Name        string    `json:"name"`
	RedirectURI string    `json:"redirect_uri"`          // To be registered there.
	SucceededAt time.Time `json:"succeeded_at,omitzero"` // When it last said who somebody is.
}

// UpstreamBody is an object of the API.
type UpstreamBody struct {
	AuthoritativeFor  []string       `json:"authoritative_for,omitzero"`
	Claims            map[string]any `json:"claims,omitzero"`
	ClientID          string         `json:"client_id,omitzero"`
	ClientSecret      string         `json:"client_secret,omitzero"`
	Disabled          *bool          `json:"disabled,omitzero"`
	Domains           []string       `json:"domains,omitzero"`
	GraphVersion      string         `json:"graph_version,omitzero"`
	Groups            map[string]any `json:"groups,omitzero"`
	GroupsClaim       string         `json:"groups_claim,omitzero"`
	Hidden            *bool          `json:"hidden,omitzero"`
	ID                string         `json:"id,omitzero"`
	Issuer            string         `json:"issuer,omitzero"`
	KeepTokens        *bool          `json:"keep_tokens,omitzero"`
	KeyID             string         `json:"key_id,omitzero"`
	Kind              string         `json:"kind,omitzero"`
	Name              string         `json:"name,omitzero"`
	NewAccounts       string         `json:"new_accounts,omitzero"`
	Offline           *bool          `json:"offline,omitzero"`
	PrivateKey        string         `json:"private_key,omitzero"`
	Profile           string         `json:"profile,omitzero"`
	Prompt            string         `json:"prompt,omitzero"`
	Routes            []string       `json:"routes,omitzero"`
	Scopes            []string       `json:"scopes,omitzero"`
	SignOut           *bool          `json:"sign_out,omitzero"`
	TeamID            string         `json:"team_id,omitzero"`
	Tenant            string         `json:"tenant,omitzero"`
	TrustSecondFactor *bool          `json:"trust_second_factor,omitzero"`
}

// UpstreamSettings is an object of the API.
type UpstreamSettings struct {
	AuthoritativeFor  []string       `json:"authoritative_for,omitzero"` // Domains whose addresses need no proof here.
	Claims            map[string]any `json:"claims,omitzero"`            // Our claim: theirs.
	ClientID          string         `json:"client_id"`
	Declared          *bool          `json:"declared,omitzero"`      // config.yaml declares it, and only that changes it.
	Disabled          *bool          `json:"disabled,omitzero"`      // Nobody can sign in there.
	Domains           []string       `json:"domains,omitzero"`       // Only identities of these domains.
	GraphVersion      string         `json:"graph_version,omitzero"` // Of kind facebook.
	Groups            map[string]any `json:"groups,omitzero"`        // Their group: ours.
	GroupsClaim       string         `json:"groups_claim,omitzero"`
	Hidden            *bool          `json:"hidden,omitzero"` // No button: reached by idp_hint, or by an address of its routes.
	ID                string         `json:"id"`              // Part of the redirect URI.
	Issuer            string         `json:"issuer,omitzero"` // Of oidc; of github, an Enterprise Server's address.
	KeepTokens        *bool          `json:"keep_tokens,omitzero"`
	KeyID             string         `json:"key_id,omitzero"` // Of kind apple.
	Kind              string         `json:"kind"`
	Name              string         `json:"name,omitzero"` // On the button.
	NewAccounts       string         `json:"new_accounts,omitzero"`
	Offline           *bool          `json:"offline,omitzero"`  // Ask for a refresh token.
	Profile           string         `json:"profile,omitzero"`  // When its claims are taken over.
	Prompt            string         `json:"prompt,omitzero"`   // Instead of the kind's own.
	RedirectURI       string         `json:"redirect_uri"`      // To be registered there.
	Routes            []string       `json:"routes,omitzero"`   // Addresses of these domains sign in there.
	Scopes            []string       `json:"scopes,omitzero"`   // Instead of the kind's own.
	SignOut           *bool          `json:"sign_out,omitzero"` // Signing out here signs out there.
	TeamID            string         `json:"team_id,omitzero"`  // Of kind apple.
	Tenant            string         `json:"tenant,omitzero"`   // Of kind microsoft.
	TrustSecondFactor *bool          `json:"trust_second_factor,omitzero"`
	Version           *int64         `json:"version,omitzero"` // Of what is stored; another secret is another version.
}

// Violation is an object of the API.
type Violation struct {
	Detail  string `json:"detail"`
	Pointer string `json:"pointer"` // The field, as a JSON pointer (RFC 6901).
}

// Waiting is an object of the API.
type Waiting struct {
	DueAt     time.Time `json:"due_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at"`
	FailedAt  time.Time `json:"failed_at,omitzero"`
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	LastError string    `json:"last_error,omitzero"`
	Tries     int64     `json:"tries"`
}

// Webhook is an object of the API.
type Webhook struct {
	CreatedAt      time.Time `json:"created_at"`
	Description    string    `json:"description"`
	Disabled       bool      `json:"disabled"`
	Events         []string  `json:"events"`                 // Names, beginnings of names with the dot at their end, or * for all.
	FailingSince   time.Time `json:"failing_since,omitzero"` // Nothing was taken since.
	ID             string    `json:"id"`
	OldSecretUntil time.Time `json:"old_secret_until,omitzero"` // The secret before signs as well until then.
	Since          time.Time `json:"since"`                     // It is told what happens from then on.
	UpdatedAt      time.Time `json:"updated_at"`
	URL            string    `json:"url"`
	Why            string    `json:"why,omitzero"` // Why it is disabled, if nobody did it.
}

// WebhookInBody is an object of the API.
type WebhookInBody struct {
	Description string   `json:"description,omitzero"`
	Events      []string `json:"events"`          // Names, beginnings of names with the dot at their end, or *.
	Secret      string   `json:"secret,omitzero"` // whsec_ and 24 to 64 bytes in base64; one is made up if it is left out.
	URL         string   `json:"url"`
}

// WebhookMade is an object of the API.
type WebhookMade struct {
	CreatedAt      time.Time `json:"created_at"`
	Description    string    `json:"description"`
	Disabled       bool      `json:"disabled"`
	Events         []string  `json:"events"`                 // Names, beginnings of names with the dot at their end, or * for all.
	FailingSince   time.Time `json:"failing_since,omitzero"` // Nothing was taken since.
	ID             string    `json:"id"`
	OldSecretUntil time.Time `json:"old_secret_until,omitzero"` // The secret before signs as well until then.
	Secret         string    `json:"secret"`                    // Shown this once.
	Since          time.Time `json:"since"`                     // It is told what happens from then on.
	UpdatedAt      time.Time `json:"updated_at"`
	URL            string    `json:"url"`
	Why            string    `json:"why,omitzero"` // Why it is disabled, if nobody did it.
}
