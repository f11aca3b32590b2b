package config

// Client is a declared client; the names are those of RFC 7591 and OpenID Connect Registration, and ours beside them.
// Package clients knows what they mean: the tree is handed over as JSON of the same names.
type Client struct {
	ClientID                    string   `yaml:"client_id" json:"client_id"`
	ClientSecret                Secret   `yaml:"client_secret" json:"-"`
	ClientSecretFile            string   `yaml:"client_secret_file" json:"-"` // read into ClientSecret
	ClientName                  string   `yaml:"client_name" json:"client_name,omitempty"`
	ApplicationType             string   `yaml:"application_type" json:"application_type,omitempty"`
	RedirectURIs                []string `yaml:"redirect_uris" json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs      []string `yaml:"post_logout_redirect_uris" json:"post_logout_redirect_uris,omitempty"`
	GrantTypes                  []string `yaml:"grant_types" json:"grant_types,omitempty"`
	ResponseTypes               []string `yaml:"response_types" json:"response_types,omitempty"`
	Contacts                    []string `yaml:"contacts" json:"contacts,omitempty"`
	TokenEndpointAuthMethod     string   `yaml:"token_endpoint_auth_method" json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthSigningAlg string   `yaml:"token_endpoint_auth_signing_alg" json:"token_endpoint_auth_signing_alg,omitempty"`
	Scope                       string   `yaml:"scope" json:"scope,omitempty"`
	JWKS                        any      `yaml:"jwks" json:"jwks,omitempty"`
	JWKSURI                     string   `yaml:"jwks_uri" json:"jwks_uri,omitempty"`
	ClientURI                   string   `yaml:"client_uri" json:"client_uri,omitempty"`
	LogoURI                     string   `yaml:"logo_uri" json:"logo_uri,omitempty"`
	PolicyURI                   string   `yaml:"policy_uri" json:"policy_uri,omitempty"`
	TOSURI                      string   `yaml:"tos_uri" json:"tos_uri,omitempty"`

	Localized map[string]string `yaml:"localized" json:"localized,omitempty"`

	TLSClientAuthSubjectDN    string `yaml:"tls_client_auth_subject_dn" json:"tls_client_auth_subject_dn,omitempty"`
	TLSClientAuthSANDNS       string `yaml:"tls_client_auth_san_dns" json:"tls_client_auth_san_dns,omitempty"`
	TLSClientAuthSANURI       string `yaml:"tls_client_auth_san_uri" json:"tls_client_auth_san_uri,omitempty"`
	TLSClientAuthSANIP        string `yaml:"tls_client_auth_san_ip" json:"tls_client_auth_san_ip,omitempty"`
	TLSClientAuthSANEmail     string `yaml:"tls_client_auth_san_email" json:"tls_client_auth_san_email,omitempty"`
	IDTokenSignedResponseAlg  string `yaml:"id_token_signed_response_alg" json:"id_token_signed_response_alg,omitempty"`
	UserinfoSignedResponseAlg string `yaml:"userinfo_signed_response_alg" json:"userinfo_signed_response_alg,omitempty"`

	AuthorizationSignedResponseAlg string `yaml:"authorization_signed_response_alg" json:"authorization_signed_response_alg,omitempty"`
	IntrospectionSignedResponseAlg string `yaml:"introspection_signed_response_alg" json:"introspection_signed_response_alg,omitempty"`

	DefaultMaxAge              *int64   `yaml:"default_max_age" json:"default_max_age,omitempty"`
	DefaultACRValues           []string `yaml:"default_acr_values" json:"default_acr_values,omitempty"`
	RequireAuthTime            bool     `yaml:"require_auth_time" json:"require_auth_time,omitempty"`
	RequestObjectSigningAlg    string   `yaml:"request_object_signing_alg" json:"request_object_signing_alg,omitempty"`
	RequireSignedRequestObject bool     `yaml:"require_signed_request_object" json:"require_signed_request_object,omitempty"`
	RequestURIs                []string `yaml:"request_uris" json:"request_uris,omitempty"`
	RequestObjectEncryptionAlg string   `yaml:"request_object_encryption_alg" json:"request_object_encryption_alg,omitempty"`
	RequestObjectEncryptionEnc string   `yaml:"request_object_encryption_enc" json:"request_object_encryption_enc,omitempty"`
	SubjectType                string   `yaml:"subject_type" json:"subject_type,omitempty"`
	SectorIdentifierURI        string   `yaml:"sector_identifier_uri" json:"sector_identifier_uri,omitempty"`
	SoftwareID                 string   `yaml:"software_id" json:"software_id,omitempty"`
	SoftwareVersion            string   `yaml:"software_version" json:"software_version,omitempty"`

	BackchannelLogoutURI             string `yaml:"backchannel_logout_uri" json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired bool   `yaml:"backchannel_logout_session_required" json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI            string `yaml:"frontchannel_logout_uri" json:"frontchannel_logout_uri,omitempty"`

	FrontchannelLogoutSessionRequired bool `yaml:"frontchannel_logout_session_required" json:"frontchannel_logout_session_required,omitempty"`

	InitiateLoginURI string `yaml:"initiate_login_uri" json:"initiate_login_uri,omitempty"`

	IDTokenEncryptedAlg       string `yaml:"id_token_encrypted_response_alg" json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEncryptedEnc       string `yaml:"id_token_encrypted_response_enc" json:"id_token_encrypted_response_enc,omitempty"`
	UserinfoEncryptedAlg      string `yaml:"userinfo_encrypted_response_alg" json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEncryptedEnc      string `yaml:"userinfo_encrypted_response_enc" json:"userinfo_encrypted_response_enc,omitempty"`
	IntrospectionEncryptedAlg string `yaml:"introspection_encrypted_response_alg" json:"introspection_encrypted_response_alg,omitempty"`
	IntrospectionEncryptedEnc string `yaml:"introspection_encrypted_response_enc" json:"introspection_encrypted_response_enc,omitempty"`
	AuthorizationEncryptedAlg string `yaml:"authorization_encrypted_response_alg" json:"authorization_encrypted_response_alg,omitempty"`
	AuthorizationEncryptedEnc string `yaml:"authorization_encrypted_response_enc" json:"authorization_encrypted_response_enc,omitempty"`

	AccessTokenSignedResponseAlg string   `yaml:"access_token_signed_response_alg" json:"access_token_signed_response_alg,omitempty"`
	AccessTokenLifetime          Duration `yaml:"access_token_lifetime" json:"access_token_lifetime,omitzero"`
	RefreshTokenIdle             Duration `yaml:"refresh_token_idle" json:"refresh_token_idle,omitzero"`
	RefreshTokenLifetime         Duration `yaml:"refresh_token_lifetime" json:"refresh_token_lifetime,omitzero"`
	RequirePKCE                  bool     `yaml:"require_pkce" json:"require_pkce,omitempty"`
	RequirePushedRequests        bool     `yaml:"require_pushed_authorization_requests" json:"require_pushed_authorization_requests,omitempty"`
	DetailsTypes                 []string `yaml:"authorization_details_types" json:"authorization_details_types,omitempty"`
	BackchannelDelivery          string   `yaml:"backchannel_token_delivery_mode" json:"backchannel_token_delivery_mode,omitempty"`

	BackchannelNotification string `yaml:"backchannel_client_notification_endpoint" json:"backchannel_client_notification_endpoint,omitempty"`

	AskedAlg string `yaml:"backchannel_authentication_request_signing_alg" json:"backchannel_authentication_request_signing_alg,omitempty"`

	DPoPBoundAccessTokens bool `yaml:"dpop_bound_access_tokens" json:"dpop_bound_access_tokens,omitempty"`
	FirstParty            bool `yaml:"first_party" json:"first_party,omitempty"`
	AdminTools            bool `yaml:"admin_tools" json:"admin_tools,omitempty"`

	Agent         bool  `yaml:"agent" json:"agent,omitempty"`
	AgentMaxDays  int64 `yaml:"agent_max_days" json:"agent_max_days,omitempty"`
	AgentMaxCalls int64 `yaml:"agent_max_calls" json:"agent_max_calls,omitempty"`

	CertificateBound bool `yaml:"tls_client_certificate_bound_access_tokens" json:"tls_client_certificate_bound_access_tokens,omitempty"`

	Profile string `yaml:"profile" json:"profile,omitempty"`

	FederatedCredentials []FederatedCredential `yaml:"federated_credentials" json:"federated_credentials,omitempty"`
	Exchange             Exchange              `yaml:"exchange" json:"exchange,omitzero"`

	RequireSecondFactor bool     `yaml:"require_second_factor" json:"require_second_factor,omitempty"`
	Upstreams           []string `yaml:"upstreams" json:"upstreams,omitempty"`
	UserinfoMaxAge      int64    `yaml:"userinfo_max_age" json:"userinfo_max_age,omitempty"`
	IDTokenClaims       bool     `yaml:"id_token_claims" json:"id_token_claims,omitempty"`
	GroupsClaim         string   `yaml:"groups_claim" json:"groups_claim,omitempty"`
	GroupsFilter        []string `yaml:"groups_filter" json:"groups_filter,omitempty"`
	RolesClaim          string   `yaml:"roles_claim" json:"roles_claim,omitempty"`
	MaxGrants           int64    `yaml:"max_grants" json:"max_grants,omitempty"`

	ClaimsMap []ClaimRule `yaml:"claims_map" json:"claims_map,omitempty"`
}

// ClaimRule gives an app a claim of its own.
type ClaimRule struct {
	Claim  string            `yaml:"claim" json:"claim"`
	From   string            `yaml:"from" json:"from,omitempty"`
	Value  string            `yaml:"value" json:"value,omitempty"`
	As     string            `yaml:"as" json:"as,omitempty"`
	Prefix string            `yaml:"prefix" json:"prefix,omitempty"`
	Values map[string]string `yaml:"values" json:"values,omitempty"`
	Scope  string            `yaml:"scope" json:"scope,omitempty"`
	Into   []string          `yaml:"into" json:"into,omitempty"`
}
