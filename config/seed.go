package config

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"signet/internal/loopback"
	"signet/internal/yamlslip"
)

// Seed is what a test server (`signet dev`) has beside its configuration.
type Seed struct {
	Users []SeedUser `yaml:"users"`
}

// SeedUser is somebody whom a test server knows from the start.
type SeedUser struct {
	Email    string   `yaml:"email"`
	Username string   `yaml:"username"`
	Name     string   `yaml:"name"`
	Password Secret   `yaml:"password"` // "" = one is made, and nobody needs it
	Claims   any      `yaml:"claims"`   // standard claims (OpenID Connect Core section 5.1)
	Groups   []string `yaml:"groups"`
	Roles    []string `yaml:"roles"`
	// Unverified: the address is not known to be theirs.
	Unverified bool `yaml:"unverified"`
}

// plainSeed is that of a test server without a file.
const plainSeed = `users:
  - {email: ada@example.com, name: Ada Lovelace}
  - {email: grace@example.com, name: Grace Hopper}
clients:
  - client_id: app
    client_name: App
    token_endpoint_auth_method: none
    application_type: native
    redirect_uris: [http://127.0.0.1/callback, http://localhost/callback]
    grant_types: [authorization_code, refresh_token]
    scope: openid profile email offline_access
    first_party: true
`

// LoadSeed is Load for a test server: it reads the seed file (s.File, or none for a plain one), which has the keys of the configuration and
// users, and the flags; no other file and no environment, so that a test is the same everywhere. The error joins every mistake.
func LoadSeed(s Sources) (Config, error) {
	if s.ReadFile == nil {
		s.ReadFile = readFile
	}
	c := Default()
	c.Seed = &Seed{}
	c.Storage.DSN, c.Server.InternalListen, c.Backup.To = NewDSN("sqlite::memory:"), "", ""
	c.Factors.Required, c.Log.Level, c.Passwords.MinLength = FactorsOptional, "warn", 8
	c.Server.ShutdownGrace, c.Admin = time.Second, Admin{API: APIOff, MCP: ToolsOff}
	name, data := "the plain seed", []byte(plainSeed)
	if s.File != "" {
		var err error
		if data, err = s.ReadFile(s.File); err != nil {
			return c, &FileError{fmt.Errorf("read the seed: %w; name the file with --seed", err)}
		}
		name = s.File
	}
	errs := parseSeed(name, data, &c)
	errs = append(errs, s.flags(&c)...)
	c.settleDrafts()
	errs = append(errs, s.secretFiles(&c)...)
	for i := range c.Seed.Users {
		if u := &c.Seed.Users[i]; u.Password.Empty() {
			u.Password = NewSecret(rand.Text())
		}
	}
	told := errors.Join(errs...)
	if _, unread := errors.AsType[*FileError](told); unread {
		return c, told
	}
	return c, errors.Join(told, Beside(told, errors.Join(c.checkSeed(), c.Validate())))
}

// parseSeed is parseFile with the key users.
func parseSeed(name string, data []byte, c *Config) []error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return []error{&FileError{fmt.Errorf("%s: %w; nothing else of the file was looked at", name, yamlslip.Explain(data))}}
	}
	w := walker{file: name, origins: c.origins}
	root := target(doc.Content[0])
	rest := *root
	rest.Content = nil
	own := yaml.Node{Kind: yaml.MappingNode, Line: root.Line}
	for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		into := &rest
		if root.Content[i].Value == "users" {
			into = &own
		}
		into.Content = append(into.Content, root.Content[i], root.Content[i+1])
	}
	w.section(&rest, reflect.ValueOf(c).Elem(), "")
	w.section(&own, reflect.ValueOf(c.Seed).Elem(), "")
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		w.errs = append(w.errs, fmt.Errorf("%s: must hold one YAML document; remove the second (after ---)", name))
	}
	return w.errs
}

// checkSeed keeps a test server, where anybody signs in as anybody, to this machine.
func (c Config) checkSeed() error {
	var bad complaints
	const only = "a test server is for this machine only"
	host, _, err := net.SplitHostPort(c.Server.Listen)
	// A name under localhost is this machine for browsers only: the resolver here asks others where it is.
	bad.check(err != nil || loopback.Host(host) && !strings.HasSuffix(host, ".localhost"), "server.listen",
		"%q is open to other machines; %s, listen at 127.0.0.1", c.Server.Listen, only)
	if u, err := url.Parse(c.Server.Issuer); err == nil && u.Host != "" {
		bad.check(loopback.Host(u.Hostname()), "server.issuer", "%q is not this machine; %s", c.Server.Issuer, only)
	}
	for _, key := range []string{"storage.dsn", "server.internal_listen", "server.mtls.listen", "backup.to", "mail.smtp.host"} {
		bad.check(c.Origin(key) == OriginDefault, key, "cannot be set for a test server: all it has is in memory")
	}
	bad.check(c.Mail.Sender != MailSMTP, "mail.sender", "cannot be smtp: a test server sends nothing; use log or file")
	bad.check(len(c.Server.TrustedProxies) == 0, "server.trusted_proxies", "cannot be set: %s", only)
	seen := map[string]bool{}
	for i, u := range c.Seed.Users {
		key := fmt.Sprintf("users[%d]", i)
		bad.check(u.Email != "", key, "needs an email")
		bad.check(!seen[strings.ToLower(u.Email)], key, "%q is there twice", u.Email)
		seen[strings.ToLower(u.Email)] = true
	}
	return errors.Join(bad...)
}

// least is the shortest lifetime of what lives long elsewhere: tests wait for its end.
func (c Config) least(usual time.Duration) time.Duration {
	if c.Seed != nil {
		return time.Second
	}
	return usual
}
