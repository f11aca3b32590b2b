package config

import (
	"net"
	"net/netip"
	"net/url"
	"time"
)

// Config is the whole tree. Field order is the order of `signet config show` and of config.yaml.
type Config struct {
	Server  Server  `yaml:"server"`
	Storage Storage `yaml:"storage"`
	Keys    Keys    `yaml:"keys"`
	Tokens  Tokens  `yaml:"tokens"`
	DPoP    DPoP    `yaml:"dpop"`
	Device  Device  `yaml:"device"`
	CIBA    CIBA    `yaml:"ciba"`

	Authorization Authorization `yaml:"authorization"`
	Registration  Registration  `yaml:"registration"`

	ClientDocuments ClientDocuments `yaml:"client_documents"`

	Sessions  Sessions   `yaml:"sessions"`
	Passwords Passwords  `yaml:"passwords"`
	Egress    Egress     `yaml:"egress"`
	Apps      Apps       `yaml:"apps"`
	Factors   Factors    `yaml:"factors"`
	Passkeys  Passkeys   `yaml:"passkeys"`
	Signin    Signin     `yaml:"signin"`
	Signup    Signup     `yaml:"signup"`
	Upstreams []Upstream `yaml:"upstreams"`
	GeoIP     GeoIP      `yaml:"geoip"`
	Terms     Terms      `yaml:"terms"`
	Accounts  Accounts   `yaml:"accounts"`
	Mail      Mail       `yaml:"mail"`
	Branding  Branding   `yaml:"branding"`
	Support   Support    `yaml:"support"`
	Limits    Limits     `yaml:"limits"`
	Log       Log        `yaml:"log"`
	Metrics   Metrics    `yaml:"metrics"`
	Audit     Audit      `yaml:"audit"`
	Backup    Backup     `yaml:"backup"`
	Admin     Admin      `yaml:"admin"`
	Clients   []Client   `yaml:"clients"`
	Resources []Resource `yaml:"resources"`

	TrustedIssuers []TrustedIssuer `yaml:"trusted_issuers"`
	IDJAG          IDJAG           `yaml:"id_jag"`

	// Drafts: on; off: names and routes of drafts of standards are not there, whatever their own settings are by default.
	Drafts string `yaml:"drafts"`

	// MasterKey comes from SIGNET_MASTER_KEY, _FILE or _COMMAND only, never from the configuration file, so that
	// the file may be kept where secrets may not.
	MasterKey Secret `yaml:"-"`

	// Seed makes it a test server (`signet dev`); nil = it is none. See LoadSeed.
	Seed *Seed `yaml:"-"`

	origins map[string]string
}

// Server is where and as whom Signet answers.
type Server struct {
	Listen         string         `yaml:"listen"`          // host:port of the public listener
	InternalListen string         `yaml:"internal_listen"` // host:port of metrics and health; "" = off
	Issuer         string         `yaml:"issuer"`          // iss, without trailing slash; see Config.IssuerURL
	TLS            TLS            `yaml:"tls"`
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"` // whose X-Forwarded-* count
	MTLS           MTLS           `yaml:"mtls"`
	ShutdownGrace  time.Duration  `yaml:"shutdown_grace"` // how long running requests may finish
}

// TLS names the files of native TLS; both or none.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// On reports whether Signet speaks TLS itself.
func (t TLS) On() bool { return t.CertFile != "" || t.KeyFile != "" }

// Storage is the database.
type Storage struct {
	DSN     DSN    `yaml:"dsn"`     // sqlite:PATH (relative to the working directory) or postgres://…
	Migrate string `yaml:"migrate"` // auto: serve migrates at start, under a lock; off: `signet migrate up` does
	// PasswordCommand prints the password of Postgres whenever a connection is made: a program and its arguments, parted by spaces, for
	// passwords that live for minutes. No shell reads it; it has ten seconds.
	PasswordCommand string `yaml:"password_command"`
	PoolSize        int    `yaml:"pool_size"` // connections (Postgres) or readers (SQLite); 0 = chosen by the number of cores
	// Snapshots is how many copies of a SQLite database from before a migration are kept; 0 = none are made.
	Snapshots int `yaml:"snapshots"`
}

// Keys is the timetable of the signing keys.
type Keys struct {
	Rotation time.Duration `yaml:"rotation"` // a new signing key this often; 0 = by command only
}

// Tokens holds lifetimes; a client's own values win over the first three.
type Tokens struct {
	AccessLifetime  time.Duration `yaml:"access_lifetime"`
	RefreshIdle     time.Duration `yaml:"refresh_idle"`     // unused this long, a grant ends
	RefreshLifetime time.Duration `yaml:"refresh_lifetime"` // absolute
	RefreshGrace    time.Duration `yaml:"refresh_grace"`    // the previous refresh token gets the same answer again; 0 = off
	CodeLifetime    time.Duration `yaml:"code_lifetime"`
	DefaultAudience string        `yaml:"default_audience"` // aud where no resource is named; "" = the issuer
	// StatusLists: access tokens name their place in a list of what was revoked, which APIs fetch.
	StatusLists bool `yaml:"status_lists"`
}

// DPoP is about tokens that are bound to a key of the app (RFC 9449).
type DPoP struct {
	// Enabled: proofs are read. Off while replicas of a release before 0.2 run beside: they answer 503 for grants that are bound.
	Enabled bool `yaml:"enabled"`
	// Nonces: where proofs must have a nonce of the server's: off, token (endpoints that apps call), all (userinfo, too).
	Nonces string `yaml:"nonces"`
}

// Device is about apps on devices without a browser (RFC 8628).
type Device struct {
	// Enabled: clients with the device grant can use it. Off while replicas of a release that does not know it run beside.
	Enabled bool `yaml:"enabled"`
}

// CIBA is about apps that ask for the decision of somebody whom they name (OpenID Connect Client-Initiated Backchannel Authentication).
type CIBA struct {
	// Enabled: clients with its grant can use it. Off while replicas of a release that does not know it run beside.
	Enabled bool `yaml:"enabled"`
	// Push: clients may register to be sent their tokens. Off while replicas of a release that does not know it run beside.
	Push bool `yaml:"push"`
}

// Where nonces are demanded.
const (
	NoncesOff   = "off"
	NoncesToken = "token"
	NoncesAll   = "all"
)

// Authorization is what the authorization endpoint offers to clients that registered it.
type Authorization struct {
	// ResponseTypes are those of OAuth 2.0 Multiple Response Type Encoding Practices; what is not listed is unsupported for every client.
	ResponseTypes []string `yaml:"response_types"`
	// RequestObjects: off; signed; unsigned, too, from clients that registered no algorithm for them.
	RequestObjects string `yaml:"request_objects"`
	// EncryptedRequestObjects: there are keys that apps can encrypt their request objects to.
	EncryptedRequestObjects bool `yaml:"encrypted_request_objects"`
	// RequirePushed: apps push their requests (RFC 9126), or are refused.
	RequirePushed bool `yaml:"require_pushed_requests"`
}

// Which request objects are taken.
const (
	ObjectsOff      = "off"
	ObjectsSigned   = "signed"
	ObjectsUnsigned = "unsigned"
)

// The registration modes.
const (
	RegistrationOff   = "off"
	RegistrationToken = "token"
	RegistrationOpen  = "open"
)

// Registration is whether applications register themselves (RFC 7591).
type Registration struct {
	Mode   string   `yaml:"mode"`   // off; token: who has an initial token; open: everybody
	Scopes []string `yaml:"scopes"` // that they may have, and have if they ask for none

	StatementIssuers  []StatementIssuer `yaml:"software_statement_issuers"`
	RequireStatements bool              `yaml:"require_software_statement"` // nobody registers without one
}

// StatementIssuer signs software statements that are believed (RFC 7591 section 2.3).
type StatementIssuer struct {
	Issuer  string `yaml:"issuer"`   // iss, exactly
	JWKS    any    `yaml:"jwks"`     // its public keys, or
	JWKSURI string `yaml:"jwks_uri"` // where they are
}

// Sessions is how long a browser stays signed in.
type Sessions struct {
	Idle     time.Duration `yaml:"idle"`     // unused this long, a session ends
	Lifetime time.Duration `yaml:"lifetime"` // absolute, with "keep me signed in"
	Short    time.Duration `yaml:"short"`    // absolute, without it
	// CheckIframe lets apps watch the session from a frame (OpenID Connect Session Management 1.0).
	CheckIframe bool `yaml:"check_iframe"`
}

// Passwords is the rule for new passwords.
type Passwords struct {
	MinLength  int `yaml:"min_length"` // code points
	BcryptCost int `yaml:"bcrypt_cost"`

	Pepper     bool   `yaml:"pepper"`      // hashes need a key made from the master key too
	BreachFile string `yaml:"breach_file"` // sorted HASH:COUNT lines, SHA-1; "" = none
	RangeAPI   string `yaml:"range_api"`   // told five digits of a new password's SHA-1; "" = none
}

// Egress is the way out, to servers of others.
type Egress struct {
	AllowHosts []string `yaml:"allow_hosts"` // reachable by http and at inner addresses, for tests on this machine; empty = none
	CAFile     string   `yaml:"ca_file"`     // certificates that are trusted beside the system's, for requests of Signet's own; empty = none
	InnerHosts []string `yaml:"inner_hosts"` // that may have inner addresses, for destinations of this configuration only; empty = none
}

// Apps is what apps may be registered with that not every operator wants.
type Apps struct {
	PrivateSchemes []string `yaml:"private_schemes"` // of redirect URIs of native apps, without a dot
	Origins        []string `yaml:"origins"`         // of web views, that may read tokens' answers (CORS)
}

// Who must have a second factor.
const (
	FactorsOptional       = "optional"
	FactorsAdministrators = "administrators"
	FactorsEveryone       = "everyone"
)

// Factors is the rule for two-step verification.
type Factors struct {
	Required     string        `yaml:"required"`      // optional, administrators (holders of the role admin), everyone
	TrustBrowser time.Duration `yaml:"trust_browser"` // how long a browser may spare its person the second factor; 0 = never
	RecoveryWait time.Duration `yaml:"recovery_wait"` // of somebody who has lost the second factor; 0 = no way back by mail
}

// Passkeys is where they may be used.
type Passkeys struct {
	RPID    string   `yaml:"rp_id"`   // domain they are bound to, forever; "" = the issuer's host
	Origins []string `yaml:"origins"` // others than the issuer's that they may be used at
}

// Signin is which ways of signing in are offered.
type Signin struct {
	MailedCode bool `yaml:"mailed_code"` // a code of six digits by mail instead of the password
}

// The sign-up modes.
const (
	SignupOpen   = "open"
	SignupClosed = "closed"
	SignupInvite = "invite"
)

// Signup says who may register.
type Signup struct {
	Mode    string   `yaml:"mode"`    // open, invite, closed
	Domains []string `yaml:"domains"` // only addresses of these domains; empty = all
}

// GeoIP is what tells where an address is.
type GeoIP struct {
	File string `yaml:"file"` // of cities or countries, in the MaxMind DB format; "" = pages show networks alone
}

// Accounts is what people may do to theirs.
type Accounts struct {
	DeleteGrace time.Duration `yaml:"delete_grace"` // between asking for deletion and erasure; 0 = at once
	Pictures    bool          `yaml:"pictures"`     // people may upload one of themselves
}

// The mail senders.
const (
	MailNone = ""
	MailSMTP = "smtp"
	MailLog  = "log"
	MailFile = "file"
)

// Mail is how emails reach people.
type Mail struct {
	Sender    string `yaml:"sender"`    // "" = no mail; smtp; log and file for trying things out on this machine
	From      string `yaml:"from"`      // "Name <address>" or an address
	ReplyTo   string `yaml:"reply_to"`  // "" = none
	Directory string `yaml:"directory"` // of the file sender
	SMTP      SMTP   `yaml:"smtp"`
	// Stored: an administrator keeps it in the database; nothing inside is reached.
	Stored bool `yaml:"-"`
}

// On reports whether there is a sender.
func (m Mail) On() bool { return m.Sender != MailNone }

// SMTP is the server that takes emails.
type SMTP struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"` // 0 = 587, or 465 with tls
	TLS      string `yaml:"tls"`  // starttls, tls, none (this machine only)
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
}

// Branding is how pages look.
type Branding struct {
	Name  string `yaml:"name"`
	Color string `yaml:"color"` // #rrggbb; "" = the design's own
	Logo  string `yaml:"logo"`  // path of an SVG or PNG file; "" = the design's own
	// LogoDark is the one on a dark page; "" = the same.
	LogoDark string `yaml:"logo_dark"`
	// CSSFile is the path of a style sheet that is added to the design's own; "" = none.
	CSSFile string `yaml:"css_file"`
	// Links are further ones at the foot of each page.
	Links []FootLink `yaml:"links"`
	// Languages is a directory of files TAG.json with further languages, or other words for texts there are; "" = none.
	Languages string `yaml:"languages"`

	// Stored: an administrator keeps it in the database, but for CSSFile and Languages, with these logos instead of files.
	Stored                   bool   `yaml:"-"`
	LogoImage, LogoDarkImage []byte `yaml:"-"`
}

// FootLink is a link at the foot of each page.
type FootLink struct {
	Title string `yaml:"title"` // shown as it is, in every language
	URL   string `yaml:"url"`
}

// Support is whom a person may ask.
type Support struct {
	Contact string `yaml:"contact"` // shown on the forgotten-password page
	URL     string `yaml:"url"`     // linked as Help at the foot of each page; "" = none
	// DevelopersURL is a page for developers of apps (service_documentation of the metadata); "" = none.
	DevelopersURL string `yaml:"developers_url"`
}

// Terms of service, which people accept.
type Terms struct {
	Version    string `yaml:"version"`     // who accepted another one is asked again; "" = nobody is asked
	URL        string `yaml:"url"`         // of the text
	PrivacyURL string `yaml:"privacy_url"` // of the privacy policy; "" = none
}

// Limits bound the work taken on.
type Limits struct {
	InFlight int `yaml:"in_flight"` // requests at once; more are answered 503
	SignIns  int `yaml:"sign_ins"`  // sign-ins in progress that are kept; older ones give way
}

// The log formats and migration modes.
const (
	LogAuto = "auto" // text on a terminal, JSON otherwise
	LogText = "text"
	LogJSON = "json"

	MigrateAuto = "auto"
	MigrateOff  = "off"
)

// Log is the operator's log.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // auto, text, json
}

// Audit is the log of security facts.
type Audit struct {
	Retention       time.Duration `yaml:"retention"`         // events older than this are deleted; 0 = kept forever
	SignInRetention time.Duration `yaml:"sign_in_retention"` // of sign-ins, sessions and second steps, which are most; 0 = as audit.retention
	Traces          time.Duration `yaml:"traces"`            // how long is kept why a request was refused; 0 = in memory only
	File            string        `yaml:"file"`              // events are added to this file, a line each; "" = none
	FileFormat      string        `yaml:"file_format"`       // of the lines: json, ocsf, cef
}

// KeepSignIns is how long events of sign-ins are kept; 0 = forever. Whoever keeps all forever keeps these, unless they say otherwise.
func (c Config) KeepSignIns() time.Duration {
	all, own := c.Audit.Retention, c.Audit.SignInRetention
	switch {
	case own == 0, all == 0 && c.Origin("audit.sign_in_retention") == OriginDefault:
		return all
	case all != 0:
		return min(all, own)
	}
	return own
}

// Resource is a declared API that access tokens are for (RFC 8707).
type Resource struct {
	Identifier     string          `yaml:"identifier"`
	Name           string          `yaml:"name"`
	Scopes         []ResourceScope `yaml:"scopes"`
	IntrospectedBy []string        `yaml:"introspected_by"`
	ExchangedBy    []string        `yaml:"exchanged_by"`

	RequireSecondFactor bool  `yaml:"require_second_factor"`
	MaxAge              int64 `yaml:"max_age"`
	Open                bool  `yaml:"open"`

	DetailsTypes []DetailsType `yaml:"authorization_details"`
}

// ResourceScope is a scope of a resource. In the file it may be its name alone.
type ResourceScope struct {
	Name        string `yaml:"name"`
	Title       Text   `yaml:"title"`
	Description Text   `yaml:"description"`
	Required    bool   `yaml:"required"`
	Sensitive   bool   `yaml:"sensitive"`
}

// plain reports whether nothing but the name is said.
func (s ResourceScope) plain() bool {
	return len(s.Title)+len(s.Description) == 0 && !s.Required && !s.Sensitive
}

// Text is one text in several languages by their tags. In the file it may be one text for all of them, which is the one under "".
type Text map[string]string

// Duration is a time.Duration that is written like 10m in JSON too.
type Duration time.Duration

// MarshalText writes it as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

const (
	defaultListen = "127.0.0.1:9400"
	defaultDSN    = "sqlite:./data/signet.db"
	day           = 24 * time.Hour
)

// Default is the tree with nothing set: the local trial.
func Default() Config {
	return Config{
		Server: Server{
			Listen: defaultListen, InternalListen: "127.0.0.1:9401", Issuer: "http://localhost:9400",
			ShutdownGrace: 15 * time.Second,
		},
		Storage: Storage{DSN: NewDSN(defaultDSN), Migrate: MigrateAuto, Snapshots: 2},
		Keys:    Keys{Rotation: 90 * day},
		Tokens: Tokens{
			AccessLifetime: 10 * time.Minute, RefreshIdle: 30 * day, RefreshLifetime: 180 * day,
			RefreshGrace: time.Minute, CodeLifetime: time.Minute, StatusLists: true,
		},
		DPoP:            DPoP{Enabled: true, Nonces: NoncesOff},
		Admin:           Admin{API: APIPublic, Console: true, MCP: ToolsRead, RequestsPerSecond: 50, WritesPerSecond: 10},
		Device:          Device{Enabled: true},
		CIBA:            CIBA{Enabled: true},
		Authorization:   Authorization{ResponseTypes: []string{"code"}, RequestObjects: ObjectsSigned},
		ClientDocuments: ClientDocuments{Mode: DocumentsOpen},
		Registration:    Registration{Mode: RegistrationOff, Scopes: []string{"openid", "profile", "email", "offline_access"}},

		Sessions:  Sessions{Idle: day, Lifetime: 30 * day, Short: day},
		Accounts:  Accounts{DeleteGrace: 7 * day, Pictures: true},
		Passwords: Passwords{MinLength: 12, BcryptCost: 10},
		Factors:   Factors{Required: FactorsAdministrators, TrustBrowser: 30 * day, RecoveryWait: 3 * day},
		Signup:    Signup{Mode: SignupOpen},
		Mail:      Mail{Directory: "./data/mail", SMTP: SMTP{TLS: "starttls"}},
		Branding:  Branding{Name: "Signet"},
		Limits:    Limits{InFlight: 512, SignIns: 10_000},
		Log:       Log{Level: "info", Format: LogAuto},
		Audit:     Audit{Retention: 400 * day, SignInRetention: 90 * day, Traces: 7 * day, FileFormat: "json"},
		Backup:    Backup{Every: day, Keep: 14},
		Drafts:    DraftsOn,
		origins:   map[string]string{},
	}
}

// OriginDefault is the origin of a value that no source set.
const OriginDefault = "default"

// Origin tells where the value of a key ("server.listen", "clients") came from.
func (c Config) Origin(key string) string {
	if o, ok := c.origins[key]; ok {
		return o
	}
	return OriginDefault
}

// LocalTrial tells that no source set server.issuer: this is somebody's first look on their own machine.
func (c Config) LocalTrial() bool { return c.Origin("server.issuer") == OriginDefault }

// IssuerURL is server.issuer parsed; the tree must be valid.
func (c Config) IssuerURL() *url.URL {
	u, err := url.Parse(c.Server.Issuer)
	if err != nil {
		panic("config: IssuerURL of an invalid tree: " + err.Error())
	}
	return u
}

// WithListener returns the tree for the address really listened on: in the local trial the issuer follows the port
// (--listen 127.0.0.1:0 in tests, or a free port chosen by hand).
func (c Config) WithListener(address string) Config {
	c.Server.Listen = address
	if _, port, err := net.SplitHostPort(address); err == nil && c.LocalTrial() {
		c.Server.Issuer = "http://localhost:" + port
	}
	return c
}
