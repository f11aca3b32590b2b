package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"signet/internal/loopback"
)

// complaints collects every mistake.
type complaints []error

func (c *complaints) check(ok bool, key, format string, args ...any) {
	if !ok {
		*c = append(*c, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
}

// Validate tells all that is wrong with the tree, joined; nil if nothing. It changes nothing and looks at nothing
// outside the tree. What client metadata means is for package clients to judge.
func (c Config) Validate() error {
	var bad complaints
	c.checkServer(&bad)
	c.checkIssuer(&bad)
	c.checkMTLS(&bad)
	c.checkStorage(&bad)
	c.checkLifetimes(&bad)
	c.checkPeople(&bad)
	c.checkPasskeys(&bad)
	c.checkUpstreams(&bad)
	c.checkMail(&bad)
	c.checkApps(&bad)
	c.checkLimits(&bad)
	c.checkClients(&bad)
	c.checkResources(&bad)
	c.checkTrustedIssuers(&bad)
	c.checkBackup(&bad)
	c.checkDrafts(&bad)
	return errors.Join(bad...)
}

func (c Config) checkServer(bad *complaints) {
	s := c.Server
	bad.check(address(s.Listen), "server.listen", "%q is not HOST:PORT; write it like 127.0.0.1:9400, or :9400 for all addresses", s.Listen)
	bad.check(s.InternalListen == "" || address(s.InternalListen), "server.internal_listen",
		`%q is not HOST:PORT; write it like 127.0.0.1:9401, or "" for none`, s.InternalListen)
	bad.check(s.InternalListen != s.Listen || port(s.Listen) == "0", "server.internal_listen",
		"is the same as server.listen; give it a port of its own")
	bad.check((s.TLS.CertFile == "") == (s.TLS.KeyFile == ""), "server.tls", "needs both cert_file and key_file, or neither")
	bad.check(s.ShutdownGrace >= 0 && s.ShutdownGrace <= 10*time.Minute, "server.shutdown_grace", "must be between 0s and 10m")
	bad.check(c.Limits.InFlight >= 8 && c.Limits.InFlight <= 100_000, "limits.in_flight", "must be between 8 and 100000")
	bad.check(c.Limits.SignIns >= 1000 && c.Limits.SignIns <= 1_000_000, "limits.sign_ins", "must be between 1000 and 1000000")
}

func (c Config) checkIssuer(bad *complaints) {
	const key = "server.issuer"
	raw := c.Server.Issuer
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") {
		bad.check(false, key, "%q is not an address; write it like https://id.example.com", raw)
		return
	}
	bad.check(u.User == nil, key, "must not hold a user name or password")
	bad.check(u.RawQuery == "" && !u.ForceQuery && !strings.Contains(raw, "#"), key,
		"must have neither a query nor a fragment (RFC 8414 section 2)")
	bad.check(!strings.HasSuffix(u.Path, "/"), key, "must not end in a slash; write %s", strings.TrimRight(raw, "/"))
	bad.check(cleanPath(u), key, "has a path that others may write differently; use plain letters, digits, - and _ between single slashes")
	bad.check(u.Host == strings.ToLower(u.Host), key, "must be lower case, as clients compare it letter by letter")
	bad.check(u.Port() != defaultPort[u.Scheme], key, "must not name the default port; write %s://%s%s", u.Scheme, u.Hostname(), u.Path)
	bad.check(len(raw) <= 255, key, "must be at most 255 characters long")
	bad.check(u.Scheme == "https" || loopback.Host(u.Hostname()), key,
		"must be https, because its host is not this machine: tokens and passwords would travel in the clear; let a proxy "+
			"(server.trusted_proxies) or server.tls speak TLS")
	bad.check(!c.Server.TLS.On() || u.Scheme == "https", key, "must be https, because server.tls is set")
}

var defaultPort = map[string]string{"https": "443", "http": "80"}

var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?$`)

func cleanPath(u *url.URL) bool { return u.RawPath == "" && plainPath.MatchString(u.Path) }

func (c Config) checkStorage(bad *complaints) {
	mistake := c.Storage.DSN.Mistake()
	bad.check(mistake == "", "storage.dsn", "%s", mistake)
	run := c.Storage.PasswordCommand
	wrong := commandMistake(run)
	bad.check(wrong == "", "storage.password_command", "%s", wrong)
	bad.check(run == "" || !c.Storage.DSN.HoldsPassword(), "storage.password_command",
		"prints the password, and storage.dsn holds one too; take it out of the address")
	oneOf(bad, "storage.migrate", c.Storage.Migrate, MigrateAuto, MigrateOff)
	bad.check(c.Storage.PoolSize >= 0 && c.Storage.PoolSize <= 256, "storage.pool_size", "must be between 0 (chosen for you) and 256")
}

func (c Config) checkLifetimes(bad *complaints) {
	t, least := c.Tokens, c.least(time.Minute)
	between(bad, "tokens.access_lifetime", t.AccessLifetime, least, day)
	between(bad, "tokens.refresh_idle", t.RefreshIdle, least, 3650*day)
	between(bad, "tokens.refresh_lifetime", t.RefreshLifetime, least, 3650*day)
	bad.check(t.RefreshIdle <= t.RefreshLifetime, "tokens.refresh_idle", "must not be longer than tokens.refresh_lifetime (%s)",
		t.RefreshLifetime)
	between(bad, "tokens.refresh_grace", t.RefreshGrace, 0, 5*time.Minute)
	between(bad, "tokens.code_lifetime", t.CodeLifetime, c.least(5*time.Second), 10*time.Minute) // RFC 6749 section 4.1.2
	bad.check(t.DefaultAudience == "" || absolute(t.DefaultAudience), "tokens.default_audience",
		"%q is not an absolute URI without fragment (RFC 8707 section 2)", t.DefaultAudience)
	oneOf(bad, "authorization.request_objects", c.Authorization.RequestObjects, ObjectsOff, ObjectsSigned, ObjectsUnsigned)
	bad.check(!c.Authorization.EncryptedRequestObjects || c.Authorization.RequestObjects != ObjectsOff,
		"authorization.encrypted_request_objects", "needs authorization.request_objects")
	for key, n := range map[string]int{"requests": c.Admin.RequestsPerSecond, "writes": c.Admin.WritesPerSecond} {
		bad.check(n >= 0 && n <= 1e6, "admin."+key+"_per_second", "is %d; it must be between 0 and 1000000", n)
	}
	if api := c.Admin.API; api != "true" && api != "false" {
		oneOf(bad, "admin.api", api, APIPublic, APIInternal, APIOff)
	}
	bad.check(c.Admin.API != APIInternal || c.Server.InternalListen != "", "admin.api", "is internal, which needs server.internal_listen")
	oneOf(bad, "admin.mcp", c.Admin.MCP, ToolsOff, ToolsRead, ToolsWrite)
	bad.check(c.Admin.MCP != ToolsWrite || c.Admin.Console, "admin.mcp", "is write, which needs admin.console: acts are confirmed there")
	oneOf(bad, "registration.mode", c.Registration.Mode, RegistrationOff, RegistrationToken, RegistrationOpen)
	for i, issuer := range c.Registration.StatementIssuers {
		key := fmt.Sprintf("registration.software_statement_issuers[%d]", i)
		bad.check(issuer.Issuer != "", key+".issuer", "is missing")
		bad.check((issuer.JWKS == nil) != (issuer.JWKSURI == ""), key, "needs jwks or jwks_uri, and not both")
		bad.check(issuer.JWKSURI == "" || strings.HasPrefix(issuer.JWKSURI, "https://"), key+".jwks_uri", "must be an https address")
	}
	c.checkDocuments(bad)
	bad.check(!c.Registration.RequireStatements || len(c.Registration.StatementIssuers) > 0, "registration.require_software_statement",
		"needs somebody in registration.software_statement_issuers")
	bad.check(len(c.Registration.Scopes) > 0 && len(c.Registration.Scopes) <= 100, "registration.scopes", "must hold 1 to 100 scopes")
	for _, scope := range c.Registration.Scopes {
		bad.check(scope != "" && !strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }),
			"registration.scopes", "%q has characters a scope must not have (RFC 6749 section 3.3)", scope)
	}
	bad.check(slices.Contains([]string{NoncesOff, NoncesToken, NoncesAll}, c.DPoP.Nonces), "dpop.nonces", "%q is none of off, token, all",
		c.DPoP.Nonces)
	for i, cl := range c.Clients {
		bound := cl.DPoPBoundAccessTokens || cl.Profile != "" && !cl.CertificateBound
		bad.check(c.DPoP.Enabled || !bound, fmt.Sprintf("clients[%d].dpop_bound_access_tokens", i), "needs dpop.enabled: true")
	}
	for i, cl := range c.Clients {
		bad.check(c.Authorization.RequestObjects != ObjectsOff || cl.Profile != "fapi2-message-signing", fmt.Sprintf("clients[%d].profile", i),
			"needs authorization.request_objects")
		bad.check(c.Authorization.EncryptedRequestObjects || cl.RequestObjectEncryptionAlg == "",
			fmt.Sprintf("clients[%d].request_object_encryption_alg", i), "needs authorization.encrypted_request_objects: true")
	}
	for _, r := range c.Authorization.ResponseTypes {
		bad.check(slices.Contains(responseTypes, inOrder(r)), "authorization.response_types",
			"%q is none of code, none, id_token, \"id_token token\", \"code id_token\", \"code token\", \"code id_token token\"", r)
	}
	bad.check(slices.Contains(c.Authorization.ResponseTypes, "code"), "authorization.response_types",
		"must hold code: all but the oldest apps need it")
	bad.check(c.Keys.Rotation == 0 || (c.Keys.Rotation >= day && c.Keys.Rotation <= 3650*day), "keys.rotation",
		"must be 0s (by command only) or at least 24h")
	s := c.Sessions
	between(bad, "sessions.idle", s.Idle, least, 3650*day)
	between(bad, "sessions.lifetime", s.Lifetime, least, 3650*day)
	between(bad, "sessions.short", s.Short, least, 3650*day)
	between(bad, "accounts.delete_grace", c.Accounts.DeleteGrace, 0, 90*day)
	bad.check(s.Short <= s.Lifetime, "sessions.short", "must not be longer than sessions.lifetime (%s)", s.Lifetime)
}

var (
	domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	colorForm  = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
)

func (c Config) checkPeople(bad *complaints) {
	p := c.Passwords
	bad.check(p.MinLength >= 8 && p.MinLength <= 64, "passwords.min_length", "must be between 8 and 64")
	bad.check(p.BcryptCost >= 10 && p.BcryptCost <= 14, "passwords.bcrypt_cost", "must be between 10 and 14")
	oneOf(bad, "factors.required", c.Factors.Required, FactorsOptional, FactorsAdministrators, FactorsEveryone)
	between(bad, "factors.trust_browser", c.Factors.TrustBrowser, 0, 365*day)
	between(bad, "factors.recovery_wait", c.Factors.RecoveryWait, 0, 90*day)
	c.checkEgress(bad)
	oneOf(bad, "signup.mode", c.Signup.Mode, SignupOpen, SignupInvite, SignupClosed)
	for _, d := range c.Signup.Domains {
		bad.check(domainForm.MatchString(d), "signup.domains", "%q is not a domain; write it like example.com, in lower case, IDNs as xn--…", d)
	}
	c.checkBranding(bad)
	t := c.Terms
	bad.check(len(t.Version) <= 50 && !strings.ContainsFunc(t.Version, unicode.IsSpace), "terms.version",
		"must be at most 50 characters without blanks, like 2026-11")
	bad.check(t.Version == "" || t.URL != "", "terms.url", "is missing: people must be able to read what they accept")
	for _, link := range [][2]string{{"terms.url", t.URL}, {"terms.privacy_url", t.PrivacyURL}, {"support.url", c.Support.URL},
		{"support.developers_url", c.Support.DevelopersURL}} {
		bad.check(link[1] == "" || webLink(link[1]), link[0], "%q is not an address; write it like https://example.com/terms", link[1])
	}
	bad.check(len(c.Support.Contact) <= 200, "support.contact", "must be at most 200 characters long")
}

func (c Config) checkBranding(bad *complaints) {
	n := len([]rune(c.Branding.Name))
	bad.check(n >= 1 && n <= 60, "branding.name", "must have 1 to 60 characters")
	bad.check(c.Branding.Color == "" || colorForm.MatchString(c.Branding.Color), "branding.color",
		`%q is not a colour; write it like "#1f6f54", in quotes, because # begins a comment`, c.Branding.Color)
	bad.check(c.Branding.LogoDark == "" && c.Branding.LogoDarkImage == nil || c.Branding.Logo != "" || c.Branding.LogoImage != nil,
		"branding.logo_dark", "needs branding.logo, the one on a light page")
	bad.check(len(c.Branding.Links) <= 6, "branding.links", "must be at most 6")
	for _, link := range c.Branding.Links {
		n := len([]rune(link.Title))
		bad.check(n >= 1 && n <= 40, "branding.links", "title must have 1 to 40 characters")
		bad.check(webLink(link.URL), "branding.links", "%q is not an address; write it like https://example.com/imprint", link.URL)
	}
}

func (c Config) checkEgress(bad *complaints) {
	issuer, err := url.Parse(c.Server.Issuer)
	local := err == nil && loopback.Host(issuer.Hostname())
	hosts := c.Egress.AllowHosts
	bad.check(len(hosts) == 0 || local, "egress.allow_hosts",
		"opens the inner network to whoever can name an address; it is for trying things out, while the issuer is this machine")
	for i, host := range c.Egress.InnerHosts {
		bad.check(exactHost(host), fmt.Sprintf("egress.inner_hosts[%d]", i),
			"%q is not one host; write it like keys.corp.example, without scheme, port or *", host)
	}
	api := c.Passwords.RangeAPI
	if api == "" {
		return
	}
	u, err := url.Parse(api)
	ok := err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	ok = ok && (u.Scheme == "https" || u.Scheme == "http" && slices.Contains(hosts, u.Hostname()))
	bad.check(ok, "passwords.range_api", "%q is not an https address without query; write it like https://range.example.com/range", api)
}

// exactHost reports whether a text is one host name or address, as a URL has it.
func exactHost(host string) bool {
	u, err := url.Parse("https://" + host)
	if at := net.ParseIP(host); at != nil && at.To4() == nil { // without the brackets
		return true
	}
	return err == nil && host != "" && u.Host == host && u.Hostname() == host && !strings.ContainsAny(host, "*,") && len(host) <= 253
}

func (c Config) checkMail(bad *complaints) {
	m := c.Mail
	senders := []string{MailNone, MailSMTP, MailLog, MailFile}
	oneOf(bad, "mail.sender", m.Sender, senders...)
	bad.check(m.On() || !c.Signin.MailedCode, "signin.mailed_code", "needs mail: set mail.sender (mail that the database "+
		"keeps does not count, for it can be forgotten there), or leave it off")
	if !m.On() {
		return
	}
	known := slices.Contains(senders, m.Sender) // else it was probably meant to be smtp
	issuer, err := url.Parse(c.Server.Issuer)
	local := err == nil && loopback.Host(issuer.Hostname())
	bad.check(m.Sender == MailSMTP || local || !known, "mail.sender",
		"%s shows links that open accounts to whoever reads along; use smtp, because the issuer is not this machine", m.Sender)
	if m.From != "" || m.Sender == MailSMTP {
		_, err := mail.ParseAddress(m.From)
		bad.check(err == nil, "mail.from", "%q is not an address; write it like Signet <id@example.com>", m.From)
	}
	if m.ReplyTo != "" {
		_, err := mail.ParseAddress(m.ReplyTo)
		bad.check(err == nil, "mail.reply_to", "%q is not an address; write it like Help <help@example.com>", m.ReplyTo)
	}
	if m.Sender == MailSMTP || !known && m.SMTP.Host != "" {
		c.checkSMTP(bad)
	}
}

func (c Config) checkSMTP(bad *complaints) {
	s := c.Mail.SMTP
	bad.check(s.Host != "" && !strings.ContainsAny(s.Host, " /:") || strings.Count(s.Host, ":") > 1, "mail.smtp.host",
		"%q is not a host; write it like smtp.example.com, and the port at mail.smtp.port", s.Host)
	bad.check(s.Port >= 0 && s.Port <= 65535, "mail.smtp.port", "must be between 0 (chosen for you) and 65535")
	oneOf(bad, "mail.smtp.tls", s.TLS, "starttls", "tls", "none")
	bad.check(s.TLS != "none" || loopback.Host(s.Host) && (!c.Mail.Stored || slices.Contains(c.Egress.AllowHosts, s.Host)), "mail.smtp.tls",
		"none is for a server on this machine only; use starttls or tls")
	bad.check(!c.Mail.Stored || !loopback.Host(s.Host) || c.sends(s.Host), "mail.smtp.host",
		"is this machine: only config.yaml can name it, or a host of egress.inner_hosts")
	bad.check(!c.Mail.Stored || c.sends(s.Host) || slices.Contains([]int{0, 25, 465, 587, 2525}, s.Port), "mail.smtp.port",
		"must be 25, 465, 587 or 2525, unless egress.inner_hosts has the host")
	bad.check((s.Username == "") == s.Password.Empty(), "mail.smtp", "needs both username and password, or neither")
}

// sends reports whether the operator lets a mail server that the database keeps be inside.
func (c Config) sends(host string) bool {
	return slices.Contains(c.Egress.AllowHosts, host) || slices.Contains(c.Egress.InnerHosts, host)
}

func (c Config) checkLimits(bad *complaints) {
	oneOf(bad, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(bad, "log.format", c.Log.Format, LogAuto, LogText, LogJSON)
	c.checkMetrics(bad)
	bad.check(c.Audit.Traces == 0 || c.Audit.Traces >= time.Hour && c.Audit.Traces <= 90*day, "audit.traces",
		"must be 0s (in memory only) or from 1h to 2160h")
	bad.check(c.Audit.Retention == 0 || c.Audit.Retention >= day, "audit.retention", "must be 0s (kept forever) or at least 24h")
	bad.check(c.Audit.SignInRetention == 0 || c.Audit.SignInRetention >= day, "audit.sign_in_retention",
		"must be 0s (as audit.retention) or at least 24h")
	oneOf(bad, "audit.file_format", c.Audit.FileFormat, "json", "ocsf", "cef")
}

// sampleSecret is what people leave in when they copy an example.
var sampleSecret = regexp.MustCompile(`(?i)change.?me|change.?this|your.?secret|replace|…|\.\.\.|^<.*>$`)

const minSecret = 16

func (c Config) checkClients(bad *complaints) {
	seen := map[string]bool{}
	for i, cl := range c.Clients {
		if cl.ClientID == "" {
			bad.check(false, fmt.Sprintf("clients[%d].client_id", i), "is missing; every declared client needs one")
			continue
		}
		key := "clients[" + cl.ClientID + "]"
		bad.check(!seen[cl.ClientID], key, "is declared twice; remove one")
		seen[cl.ClientID] = true
		if cl.ClientSecret.Empty() {
			continue
		}
		secret := cl.ClientSecret.Reveal()
		bad.check(len(secret) >= minSecret && !sampleSecret.MatchString(secret), key+".client_secret",
			"can be guessed; use one of %d characters or more, for example from `openssl rand -base64 32`", minSecret)
	}
}

func (c Config) checkResources(bad *complaints) {
	seen := map[string]bool{}
	for i, r := range c.Resources {
		key := fmt.Sprintf("resources[%s]", r.Identifier)
		if r.Identifier == "" {
			key = fmt.Sprintf("resources[%d]", i)
		}
		bad.check(absolute(r.Identifier), key+".identifier",
			"%q is not an absolute URI without fragment, like https://api.example.com (RFC 8707 section 2)", r.Identifier)
		id := strings.TrimSuffix(r.Identifier, "/")
		bad.check(!seen[id], key, "is declared twice; remove one")
		seen[id] = true
	}
}

// Warnings tells what is allowed and yet worth a second look; `signet config check` prints it.
func (c Config) Warnings() []string {
	var all []string
	warn := func(is bool, key, format string, args ...any) {
		if is {
			all = append(all, key+": "+fmt.Sprintf(format, args...))
		}
	}
	s := c.Server
	host, _, _ := net.SplitHostPort(s.Listen)
	exposed := !loopback.Host(host)
	warn(c.Passwords.MinLength < 15, "passwords.min_length",
		"15 or more is recommended where a password alone signs in (NIST SP 800-63B); it is %d", c.Passwords.MinLength)
	warn(c.LocalTrial() && exposed, "server.issuer",
		"is not set, so this is a local trial, but server.listen (%s) is open to other machines; set the issuer", s.Listen)
	warn(strings.HasPrefix(s.Issuer, "https:") && !s.TLS.On() && len(s.TrustedProxies) == 0, "server.trusted_proxies",
		"is empty and server.tls is not set: if a proxy speaks TLS for %s, name its network here, or every visitor seems to come from the "+
			"proxy", s.Issuer)
	warn(slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Bits() == 0 }), "server.trusted_proxies",
		"trusts every address, so anyone can pretend to come from anywhere")
	internal, _, _ := net.SplitHostPort(s.InternalListen)
	warn(s.InternalListen != "" && !loopback.Host(internal), "server.internal_listen",
		"(%s) is open to other machines; it serves metrics without any login", s.InternalListen)
	warn(c.Storage.DSN.Reveal() == "sqlite::memory:", "storage.dsn", "is in memory: everything is gone when the server stops")
	warn(c.Storage.PasswordCommand != "" && !c.Storage.DSN.Postgres(), "storage.password_command",
		"has no effect: storage.dsn is not a Postgres")
	warn(c.Storage.DSN.Postgres() && c.MasterKey.Empty(), envMaster,
		"is not set: serve will refuse to start on Postgres without it; make one with `signet key generate-master`")
	warn(remoteWithoutTLS(c.Storage.DSN), "storage.dsn",
		"reaches Postgres on another machine without TLS, or with TLS that it may do without: use sslmode=verify-full")
	warn(c.Keys.Rotation == 0, "keys.rotation", "is off: signing keys change only by `signet key rotate`")
	warn(!c.Mail.On() && !c.LocalTrial(), "mail.sender",
		"is not set: addresses stay unproven, and people who forgot the password need an operator")
	warn(c.Support.Contact == "" && !c.Mail.On(), "support.contact", "is empty: the forgotten-password page cannot say whom to ask")
	warn(c.Signup.Mode == SignupClosed && len(c.Signup.Domains) > 0, "signup.domains",
		"has no effect on the sign-up page while signup.mode is closed")
	for _, cl := range c.Clients {
		secret := utf8.RuneCountInString(cl.ClientSecret.Reveal())
		warn(secret > 0 && secret < 32, "clients["+cl.ClientID+"].client_secret",
			"has %d characters and counts as one that can be guessed: after 20 wrong ones from a network a right one waits, too; "+
				"use 32 random ones or more, for example from `openssl rand -base64 32`", secret)
		for _, r := range cl.ResponseTypes {
			offered := slices.ContainsFunc(c.Authorization.ResponseTypes, func(o string) bool { return inOrder(o) == inOrder(r) })
			warn(!offered, "clients["+cl.ClientID+"].response_types",
				"%q is not offered by this server; add it to authorization.response_types, or remove it here", r)
		}
		warn(slices.Contains(cl.GrantTypes, "password"), "clients["+cl.ClientID+"].grant_types",
			"has the password grant, which is legacy: the app sees the person's password")
	}
	return all
}

// remoteWithoutTLS reports whether a DSN lets the connection to another machine go unencrypted.
func remoteWithoutTLS(dsn DSN) bool {
	u, err := url.Parse(dsn.Reveal())
	if !dsn.Postgres() || err != nil {
		return false
	}
	host := cmp.Or(u.Query().Get("host"), u.Hostname())
	if host == "" || strings.HasPrefix(host, "/") || loopback.Host(host) {
		return false
	}
	return !slices.Contains([]string{"require", "verify-ca", "verify-full"}, u.Query().Get("sslmode"))
}

func webLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

func address(s string) bool {
	host, p, err := net.SplitHostPort(s)
	n, numErr := strconv.ParseUint(p, 10, 16)
	return err == nil && numErr == nil && n <= 65535 && !strings.ContainsAny(host, " /")
}

func port(s string) string {
	_, p, _ := net.SplitHostPort(s)
	return p
}

// responseTypes are those that can be offered, their words in alphabetical order.
var responseTypes = []string{"code", "none", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}

func inOrder(words string) string {
	return strings.Join(slices.Sorted(strings.FieldsSeq(words)), " ")
}

func absolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "") && !strings.Contains(s, "#")
}

func between(bad *complaints, key string, d, low, high time.Duration) {
	bad.check(d >= low && d <= high, key, "is %s; it must be between %s and %s", d, low, high)
}

func oneOf(bad *complaints, key, value string, allowed ...string) {
	bad.check(slices.Contains(allowed, value), key, "%q is none of %s", value, strings.Join(allowed, ", "))
}
