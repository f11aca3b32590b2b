// Package checkup looks at an app as it is registered and finds what keeps it from working, or soon will: in the registration itself, and
// at the addresses that it names, each of which is asked for once by the guarded way out. It writes nothing. Begin with Checker.Look.
//
// What it says about an address that did not answer is one sentence, whatever the reason: who may register addresses learns nothing of
// which names, hosts and ports there are inside. Of an answer only the status is told, and nothing of what was in it.
package checkup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/admin/view"
	"signet/clients"
	"signet/clients/apikey"
	"signet/internal/egress"
	"signet/storage"
)

// Fetcher is the guarded way out; *egress.Client.
type Fetcher interface {
	Fetch(ctx context.Context, q egress.Request) (egress.Response, error)
}

// Options of New; all but Mutual are required.
type Options struct {
	Clients *clients.Registry
	Issuer  string
	// Out reaches addresses that anybody may have named, Issuers those of issuers that administrators trust.
	Out, Issuers Fetcher
	// Document reads the metadata document of an app that is known by one, and Sector checks the document of its sector.
	Document  func(ctx context.Context, id string) (clients.Metadata, error)
	Sector    func(ctx context.Context, m clients.Metadata) error
	Upstreams func(ctx context.Context) ([]view.Upstream, error)
	// Unknown are those of the ids that no client of the database has.
	Unknown func(ctx context.Context, ids ...string) ([]string, error)
	Mutual  bool // there is an address where apps come with a certificate
}

// App is what is looked at.
type App struct {
	Client  *clients.Client
	Secrets []storage.ClientSecret // of one that is not declared
	Keys    []apikey.Key
	First   view.FirstSignIn
}

// Checker looks at apps. It is safe for concurrent use.
type Checker struct{ o Options }

// New checks the options.
func New(o Options) (*Checker, error) {
	if o.Clients == nil || o.Issuer == "" || o.Out == nil || o.Issuers == nil || o.Document == nil || o.Sector == nil ||
		o.Upstreams == nil || o.Unknown == nil {
		return nil, errors.New("admin/checkup: clients, issuer, ways out, documents and lists are required")
	}
	return &Checker{o}, nil
}

// soon is how long ahead it is told that something ends.
const soon = 14 * 24 * time.Hour

// Look finds what is wrong with an app, the gravest first. Errors are those of the database only.
func (c *Checker) Look(ctx context.Context, app App) ([]view.Finding, error) {
	l := &look{Checker: c, app: app, now: time.Now()}
	l.state()
	l.registration()
	l.grants()
	l.secrets()
	l.apiKeys()
	if app.Client.JWKS != nil {
		l.keySet("jwks", app.Client.JWKS.Keys, 0)
	}
	err := errors.Join(l.scopes(ctx), l.others(ctx), l.upstreams(ctx))
	if err != nil {
		return nil, err
	}
	l.addresses(ctx)
	l.use()
	var sorted []view.Finding
	for _, state := range []string{view.StateProblem, view.StateNotice, view.StateGood} {
		for _, f := range l.found {
			if f.State == state {
				sorted = append(sorted, f)
			}
		}
	}
	return sorted, nil
}

// look is one of them, under way.
type look struct {
	*Checker
	findings
	app App
	now time.Time
}

// findings are what was found of one thing after the other.
type findings struct{ found []view.Finding }

func (f *findings) add(check, state, text, remedy string) {
	f.found = append(f.found, view.Finding{Check: check, State: state, Text: text, Remedy: remedy})
}

func (f *findings) good(check, format string, args ...any) {
	f.add(check, view.StateGood, fmt.Sprintf(format, args...), "")
}
func (f *findings) notice(check, remedy, format string, args ...any) {
	f.add(check, view.StateNotice, fmt.Sprintf(format, args...), remedy)
}

func (f *findings) problem(check, remedy, format string, args ...any) {
	f.add(check, view.StateProblem, fmt.Sprintf(format, args...), remedy)
}

// clean reports whether nothing but good is found of a check since there were n findings.
func (f *findings) clean(n int, checks ...string) bool {
	return !slices.ContainsFunc(f.found[n:], func(one view.Finding) bool { return slices.Contains(checks, one.Check) })
}

func (l *look) state() {
	switch {
	case l.app.Client.Enabled():
		l.good("state", "the app is enabled")
	case l.app.Client.FromDocument():
		l.problem("state", "Enable it, or list its host in client_documents.hosts.",
			"the app is disabled, or the configuration does not let its metadata document count: all its requests are refused")
	default:
		l.problem("state", "Enable it, if it is to work.", "the app is disabled: all its requests are refused")
	}
}

// registration is what a registration is refused for today; one that is declared was checked when the server started.
func (l *look) registration() {
	err := error(nil)
	if !l.app.Client.Declared {
		err = l.o.Clients.Check(l.app.Client.Metadata)
	}
	if err == nil {
		l.good("registration", "the registration is such as would be taken today")
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		field, why, ok := strings.Cut(line, ": ")
		if !ok || strings.Contains(field, " ") {
			field, why = "registration", line
		}
		l.problem(field, "Change the registration: it was taken by an earlier release, and would be refused today.", "%s", why)
	}
}

// use is when the app was last used, as far as that is known, and what was last refused.
func (l *look) use() {
	last := l.app.First.At
	for _, s := range l.app.Secrets {
		last = latest(last, s.LastUsedAt)
	}
	for _, k := range l.app.Keys {
		last = latest(last, k.LastUsedAt)
	}
	first := l.app.First
	if r := first.Refused; r != nil {
		l.notice("use", r.Remedy, "its last request that was refused, %s (%s): %s", r.Reference, r.At.Format(time.RFC3339),
			strings.TrimSuffix(r.Found, "."))
	}
	c := l.app.Client
	people := c.HasGrant(clients.AuthorizationCode) || c.HasGrant(clients.Implicit) || c.HasGrant(clients.DeviceCode)
	switch {
	case !last.IsZero():
		l.good("use", "there is use of it: a sign-in, a secret or a key, on %s", last.UTC().Format(time.DateOnly))
	case people && first.Refused == nil:
		l.notice("use", "Sign in at the app. If it is not in use any more, disable it.",
			"nobody is signed in at the app, and none of its secrets and keys was used")
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
