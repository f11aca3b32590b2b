package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"signet/clients"
)

// metadataFlags are the words for a client's registration. What has none of its own comes from --metadata, in the names
// of RFC 7591.
type metadataFlags struct {
	federated, mapClaims         []string
	file, jwks                   string
	m                            clients.Metadata
	public, device, native, ciba bool
	access, idle, refreshForever time.Duration
	maxAge                       int64
	push                         string
	texts                        map[string]string // of files that were read
	certificate                  certificateFlags
	exchange                     exchangeFlags
}

func (f *metadataFlags) flags(c *cobra.Command) {
	s, m := c.Flags(), &f.m
	s.StringVar(&m.ClientID, "id", "", "client `ID`; made for you if left out")
	s.StringVar(&m.ClientName, "name", "", "`name` that people see")
	s.StringArrayVar(&m.RedirectURIs, "redirect-uri", nil, "`URI` people are sent back to, exactly; may be repeated")
	s.StringArrayVar(&m.PostLogoutRedirectURIs, "post-logout-redirect-uri", nil, "`URI` for after sign-out; may be repeated")
	s.StringVar(&m.BackchannelLogoutURI, "backchannel-logout-uri", "",
		"`URI` that is told, server to server, when a session ends in which the app was used")
	s.BoolVar(&m.BackchannelLogoutSessionRequired, "backchannel-logout-session-required", false, "the app needs the sid there")
	s.StringVar(&m.FrontchannelLogoutURI, "frontchannel-logout-uri", "",
		"`URI` that is loaded in the browser when a session ends in which the app was used")
	s.BoolVar(&m.FrontchannelLogoutSessionRequired, "frontchannel-logout-session-required", false, "the app needs iss and sid there")
	s.StringVar(&m.InitiateLoginURI, "initiate-login-uri", "", "`URI` where a sign-in begins that people start on their account page")
	s.StringVar(&m.Scope, "scope", "", "`scopes` the app may ask for, separated by spaces or commas")
	s.StringSliceVar(&m.GrantTypes, "grant-type", nil,
		"`grant` types: authorization_code, refresh_token, client_credentials, implicit and password (both legacy), "+clients.DeviceCode+", "+
			clients.JWTBearer+", and (which --exchange-target adds) "+clients.TokenExchange)
	s.BoolVar(&f.ciba, "ciba", false, "an app that asks for the decision of somebody whom it names, who is elsewhere (CIBA)")
	s.StringVar(&m.BackchannelNotification, "ciba-ping", "", "`URI` that is told when somebody decided, in place of asking only")
	s.StringVar(&f.push, "ciba-push", "", "`URI` that is sent the tokens when somebody decided, where ciba.push is on; prefer --ciba-ping")
	s.StringVar(&m.BackchannelSigningAlg, "ciba-request-alg", "", "the app signs what it asks with this algorithm")
	s.BoolVar(&f.device, "device", false, "an app on a device without a browser: people type its code elsewhere (RFC 8628)")
	s.StringArrayVar(&m.ResponseTypes, "response-type", nil,
		"response `type` the app asks for, code if left out; may be repeated; all but code are legacy")
	s.BoolVar(&f.public, "public", false, "the app cannot keep a secret (browser, desktop, mobile): PKCE is all it has")
	s.BoolVar(&f.native, "native", false, "a native app: loopback redirects with any port, custom schemes")
	s.StringVar(&m.TokenEndpointAuthMethod, "auth-method", "",
		"how the app proves itself: client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, "+
			"self_signed_tls_client_auth, "+
			"none")
	f.certificate.flags(c)
	f.exchange.flags(c)
	mapClaimFlag(c, &f.mapClaims)
	fieldFlags(c, m)
	s.StringVar(&f.jwks, "jwks", "", "`file` with the app's public keys, for private_key_jwt")
	s.BoolVar(&m.FirstParty, "first-party", false, "your own app: people are not asked for consent")
	s.StringVar(&m.Profile, "profile", "",
		"fapi2: all that the FAPI 2.0 Security Profile demands; fapi2-message-signing: signed requests and answers, too")
	s.BoolVar(&m.RequirePushedRequests, "require-par", false, "refuse authorization requests that were not pushed (RFC 9126)")
	s.StringSliceVar(&m.DetailsTypes, "details-type", nil, "`types` of authorization_details that the app may ask for (RFC 9396)")
	s.BoolVar(&m.DPoPBoundAccessTokens, "dpop", false, "refuse token requests without a DPoP proof: all tokens are bound to the app's key")
	s.BoolVar(&m.RequirePKCE, "require-pkce", false, "refuse authorization requests without PKCE")
	s.DurationVar(&f.access, "access-token-lifetime", 0, "instead of tokens.access_lifetime")
	s.DurationVar(&f.idle, "refresh-token-idle", 0, "instead of tokens.refresh_idle")
	s.DurationVar(&f.refreshForever, "refresh-token-lifetime", 0, "instead of tokens.refresh_lifetime")
	s.StringVar(&m.IDTokenSignedResponseAlg, "id-token-alg", "", "RS256 (default), ES256, PS256, ES384, ES512 or EdDSA")
	s.StringVar(&m.AccessTokenSignedResponseAlg, "access-token-alg", "", "ES256 (default), RS256, PS256, ES384, ES512 or EdDSA")
	s.StringSliceVar(&m.Upstreams, "upstreams", nil,
		"ids of the upstreams that are offered to this app's people, separated by commas; none = all")
	s.BoolVar(&m.RequireSecondFactor, "require-second-factor", false, "people sign in to this app with two factors, or not at all")
	s.BoolVar(&m.IDTokenClaims, "id-token-claims", false,
		"put name, email and what else the scopes stand for into the ID token, for apps that never ask userinfo")
	s.StringArrayVar(&f.federated, "federated-credential", nil,
		"issuer=…,subject=…[,audience=…][,jwks_uri=…][,claim.NAME=…]: a platform's tokens that stand for the app; may be repeated")
	s.StringVar(&m.SubjectType, "subject-type", "", "public (default), or pairwise: people have another sub at each sector")
	s.StringVar(&m.SectorIdentifierURI, "sector-identifier-uri", "", "`address` of the list of redirect URIs whose host is the sector")
	s.StringVar(&m.JWKSURI, "jwks-uri", "", "`address` of the app's public keys")
	s.StringVar(&m.GroupsClaim, "groups-claim", "", "`claim` in which the app finds the person's groups, whatever scope it asks for")
	s.StringSliceVar(&m.GroupsFilter, "groups-filter", nil,
		"`groups` that the app is told, by name or beginning (shop-*), separated by commas; none = all")
	s.Int64Var(&m.MaxGrants, "max-grants", 0,
		"sign-ins of this app that a person may have at a time; the least recently used others end (100)")
	s.StringVar(&m.RolesClaim, "roles-claim", "", "`claim` in which the app finds the person's roles")
	s.Int64Var(&f.maxAge, "default-max-age", 0, "`seconds` after which people sign in again")
	s.StringVar(&f.file, "metadata", "",
		"`file` with the registration as JSON (RFC 7591 names), - for standard input; other words win over it")
}

// apply changes what was named on the command line.
func (f *metadataFlags) apply(a *app, cmd *cobra.Command, m *clients.Metadata) error {
	if f.file != "" {
		if err := f.readFile(a, m); err != nil {
			return err
		}
	}
	if err := f.checkFlags(cmd); err != nil {
		return err
	}
	from := f.m
	set := func(flag string, do func()) {
		if cmd.Flags().Changed(flag) {
			do()
		}
	}
	set("id", func() { m.ClientID = from.ClientID })
	set("name", func() { m.ClientName = from.ClientName })
	set("redirect-uri", func() { m.RedirectURIs = from.RedirectURIs })
	set("post-logout-redirect-uri", func() { m.PostLogoutRedirectURIs = from.PostLogoutRedirectURIs })
	set("backchannel-logout-uri", func() { m.BackchannelLogoutURI = from.BackchannelLogoutURI })
	set("backchannel-logout-session-required", func() { m.BackchannelLogoutSessionRequired = from.BackchannelLogoutSessionRequired })
	set("frontchannel-logout-uri", func() { m.FrontchannelLogoutURI = from.FrontchannelLogoutURI })
	set("frontchannel-logout-session-required", func() { m.FrontchannelLogoutSessionRequired = from.FrontchannelLogoutSessionRequired })
	set("initiate-login-uri", func() { m.InitiateLoginURI = from.InitiateLoginURI })
	set("scope", func() { m.Scope = from.Scope })
	set("grant-type", func() { m.GrantTypes = from.GrantTypes })
	set("response-type", func() { m.ResponseTypes = from.ResponseTypes })
	set("auth-method", func() { m.TokenEndpointAuthMethod = from.TokenEndpointAuthMethod })
	set("public", func() {
		if f.public {
			m.TokenEndpointAuthMethod = clients.MethodNone
		}
	})
	set("device", func() {
		if f.device {
			m.GrantTypes = append(m.GrantTypes, clients.DeviceCode)
		}
	})
	f.applyBackchannel(set, m)
	set("native", func() { m.ApplicationType = map[bool]string{true: clients.Native, false: clients.Web}[f.native] })
	set("first-party", func() { m.FirstParty = from.FirstParty })
	set("profile", func() { m.Profile = from.Profile })
	set("details-type", func() { m.DetailsTypes = from.DetailsTypes })
	set("require-par", func() { m.RequirePushedRequests = from.RequirePushedRequests })
	set("dpop", func() { m.DPoPBoundAccessTokens = from.DPoPBoundAccessTokens })
	set("require-pkce", func() { m.RequirePKCE = from.RequirePKCE })
	set("access-token-lifetime", func() { m.AccessTokenLifetime = clients.Duration(f.access) })
	set("refresh-token-idle", func() { m.RefreshTokenIdle = clients.Duration(f.idle) })
	set("refresh-token-lifetime", func() { m.RefreshTokenLifetime = clients.Duration(f.refreshForever) })
	set("id-token-alg", func() { m.IDTokenSignedResponseAlg = from.IDTokenSignedResponseAlg })
	set("access-token-alg", func() { m.AccessTokenSignedResponseAlg = from.AccessTokenSignedResponseAlg })
	set("default-max-age", func() { m.DefaultMaxAge = &f.maxAge })
	set("upstreams", func() { m.Upstreams = from.Upstreams })
	set("require-second-factor", func() { m.RequireSecondFactor = from.RequireSecondFactor })
	set("id-token-claims", func() { m.IDTokenClaims = from.IDTokenClaims })
	if cmd.Flags().Changed("federated-credential") {
		var err error
		if m.FederatedCredentials, err = federatedCredentials(f.federated); err != nil {
			return err
		}
		m.TokenEndpointAuthMethod = clients.MethodJWTKey
	}
	set("subject-type", func() { m.SubjectType = from.SubjectType })
	set("sector-identifier-uri", func() { m.SectorIdentifierURI = from.SectorIdentifierURI })
	set("jwks-uri", func() { m.JWKSURI = from.JWKSURI })
	set("groups-claim", func() { m.GroupsClaim = from.GroupsClaim })
	set("groups-filter", func() { m.GroupsFilter = from.GroupsFilter })
	set("max-grants", func() { m.MaxGrants = from.MaxGrants })
	set("roles-claim", func() { m.RolesClaim = from.RolesClaim })
	if err := errors.Join(f.exchange.apply(cmd, m), applyMapClaims(cmd, f.mapClaims, m)); err != nil {
		return err
	}
	applyFields(cmd, &from, m)
	if err := f.certificate.apply(a, cmd, m); err != nil {
		return err
	}
	return f.readKeys(a, m)
}

// applyBackchannel is apply of what is about decisions of people elsewhere.
func (f *metadataFlags) applyBackchannel(set func(flag string, do func()), m *clients.Metadata) {
	set("ciba", func() {
		if f.ciba && !slices.Contains(m.GrantTypes, clients.CIBA) {
			m.GrantTypes = append(m.GrantTypes, clients.CIBA)
		}
	})
	set("ciba-ping", func() {
		m.BackchannelNotification, m.BackchannelDelivery = f.m.BackchannelNotification, ""
		if f.m.BackchannelNotification != "" {
			m.BackchannelDelivery = "ping"
		}
	})
	set("ciba-push", func() {
		m.BackchannelNotification, m.BackchannelDelivery = f.push, ""
		if f.push != "" {
			m.BackchannelDelivery = "push"
		}
	})
	set("ciba-request-alg", func() { m.BackchannelSigningAlg = f.m.BackchannelSigningAlg })
}

// federatedCredentials reads the words of --federated-credential.
func federatedCredentials(words []string) (list []clients.FederatedCredential, err error) {
	for _, word := range words {
		var f clients.FederatedCredential
		for part := range strings.SplitSeq(word, ",") {
			name, value, _ := strings.Cut(part, "=")
			claim, isClaim := strings.CutPrefix(name, "claim.")
			switch {
			case name == "issuer":
				f.Issuer = value
			case name == "subject":
				f.Subject = value
			case name == "audience":
				f.Audience = value
			case name == "jwks_uri":
				f.JWKSURI = value
			case isClaim && claim != "":
				if f.Claims == nil {
					f.Claims = map[string]string{}
				}
				f.Claims[claim] = value
			default:
				return nil, usage("--federated-credential: %q is none of issuer, subject, audience, jwks_uri, claim.NAME", name)
			}
		}
		list = append(list, f)
	}
	return list, nil
}

// readText reads a file once: a change that somebody else was quicker than is made again.
func (f *metadataFlags) readText(a *app, name string) (string, error) {
	if text, ok := f.texts[name]; ok {
		return text, nil
	}
	text, err := a.readText(name)
	if err == nil {
		if f.texts == nil {
			f.texts = map[string]string{}
		}
		f.texts[name] = text
	}
	return text, err
}

// checkFlags refuses words that would be taken and mean something else.
func (f *metadataFlags) checkFlags(cmd *cobra.Command) error {
	f.m.Scope = strings.Join(strings.FieldsFunc(f.m.Scope, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }), " ")
	if cmd.Flags().Changed("default-max-age") && f.maxAge < 0 {
		return usage("--default-max-age: %d is not a number of seconds", f.maxAge)
	}
	return nil
}

func (f *metadataFlags) readFile(a *app, m *clients.Metadata) error {
	text, err := f.readText(a, f.file)
	if err != nil {
		return fmt.Errorf("--metadata: %w", err)
	}
	if err := m.UnmarshalNamed([]byte(text)); err != nil {
		return fmt.Errorf("--metadata: %w", err)
	}
	if m.ClientSecret != "" {
		return fmt.Errorf("--metadata: client_secret: is made by Signet; leave it out, or declare the client in the configuration")
	}
	return nil
}

func (f *metadataFlags) readKeys(a *app, m *clients.Metadata) error {
	if f.jwks == "" {
		return nil
	}
	text, err := f.readText(a, f.jwks)
	if err == nil {
		m.JWKS = new(jose.JSONWebKeySet)
		err = json.Unmarshal([]byte(text), m.JWKS)
	}
	if err != nil {
		return fmt.Errorf("--jwks: %w", err)
	}
	return nil
}

// complete chooses what most apps want where nothing was said: sign-in with refresh for whoever has a redirect URI, client
// credentials for the others.
func (f *metadataFlags) complete(m clients.Metadata) clients.Metadata {
	device := slices.Contains(m.GrantTypes, clients.DeviceCode) || slices.Contains(m.GrantTypes, clients.CIBA)
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{clients.ClientCredentials}
		if len(m.RedirectURIs) > 0 {
			m.GrantTypes = []string{clients.AuthorizationCode, clients.RefreshToken}
		}
	}
	if (f.device || f.ciba) && device {
		if len(m.RedirectURIs) > 0 && !slices.Contains(m.GrantTypes, clients.AuthorizationCode) {
			m.GrantTypes = append(m.GrantTypes, clients.AuthorizationCode)
		}
		if !slices.Contains(m.GrantTypes, clients.RefreshToken) {
			m.GrantTypes = append(m.GrantTypes, clients.RefreshToken)
		}
	}
	if m.Scope == "" && (device || slices.Contains(m.GrantTypes, clients.AuthorizationCode)) {
		m.Scope = "openid profile email offline_access"
	}
	return m
}
