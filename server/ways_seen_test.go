package server_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"signet/audit"
	"signet/server/servertest"
	"signet/server/web"
	"signet/storage"
)

// changed is the password that drivers choose.
const changed = "quite another long sentence"

// kinds are all, in the order in which the table names them.
var kinds = []web.Touch{
	web.Password, web.Passkey, web.Authenticator, web.RecoveryCodes, web.LinkedLogin, web.EmailAddress, web.TrustedBrowser,
}

// credentialKinds are those of the rows.
var credentialKinds = map[string]web.Touch{
	"password": web.Password, "passkey": web.Passkey, "totp": web.Authenticator, "recovery": web.RecoveryCodes,
}

// snapshot is a person's ways to sign in: by kind, what there is of it.
type snapshot map[web.Touch]map[string]string

func (s snapshot) put(kind web.Touch, key, value string) {
	if s[kind] == nil {
		s[kind] = map[string]string{}
	}
	s[kind][key] = value
}

// since lists the kinds that differ from an earlier one.
func (s snapshot) since(before snapshot) (differ []web.Touch) {
	for _, kind := range kinds {
		if !maps.Equal(s[kind], before[kind]) {
			differ = append(differ, kind)
		}
	}
	return differ
}

// context is that of a request from the cell's own address.
func (c *cell) context() context.Context {
	return audit.WithOrigin(c.t.Context(), audit.Origin{Address: c.b.Address, Network: c.b.Address, Agent: "a test"})
}

func (c *cell) user() storage.User {
	c.t.Helper()
	u, err := c.w.Services().DB.UserByID(c.t.Context(), c.p.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return u
}

// credential is the id of one of a kind; "none" where there is none.
func (c *cell) credential(kind string) string {
	c.t.Helper()
	for _, row := range c.credentials(c.p.ID, kind) {
		return row.ID
	}
	return "none"
}

func (c *cell) credentials(userID, kind string) []storage.Credential {
	c.t.Helper()
	list, err := c.w.Services().DB.Credentials(c.t.Context(), userID, kind)
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// ways reads those of a person from the database. What a use changes of a row (counters, times) is left out.
func (c *cell) ways(u storage.User) snapshot {
	c.t.Helper()
	s := snapshot{}
	for _, row := range c.credentials(u.ID, "") {
		value := row.Data
		if row.Kind == "passkey" {
			value = row.Handle
		}
		s.put(credentialKinds[row.Kind], row.ID, value+row.Handle)
	}
	linked, err := c.w.Services().DB.IdentitiesOfUser(c.t.Context(), u.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, row := range linked {
		s.put(web.LinkedLogin, row.ID, row.Upstream+" "+row.Subject)
	}
	s.put(web.EmailAddress, u.Email, fmt.Sprint(u.EmailVerified))
	return s
}

// notePassword keeps the person's password of now, if a driver changed it.
func (c *cell) notePassword() {
	if rows := c.credentials(c.p.ID, "password"); len(rows) == 1 && rows[0].Data != c.kept {
		c.kept, c.p.Password = rows[0].Data, changed
	}
}

// spared reports whether the browser is spared the second factor that every other is asked for: it is trusted.
func (c *cell) spared() bool {
	c.t.Helper()
	c.p.Email = c.user().Email
	asked := func(b *servertest.Browser) bool {
		b.Get(c.t, "/signin?other=1").SignIn(c.t, c.p)
		return strings.HasPrefix(b.URL.Path, atFactor) || b.URL.Path == atSignIn
	}
	return !asked(c.b.Without(c.t, "session")) && asked(c.browser())
}

func (c *cell) cookies() map[string]string {
	all := map[string]string{}
	for _, cookie := range c.b.Cookies() {
		all[cookie.Name] = cookie.Value
	}
	return all
}

// run is a driver in the cell: what became of it, and what changed.
func (c *cell) run(d *driver) (outcome string, differ []web.Touch) {
	c.t.Helper()
	fresh, had := c.cookies(), c.ways(c.user())
	send := d.prepare(c)
	before, cookies := c.ways(c.user()), c.cookies()
	before.put(web.TrustedBrowser, "this", fmt.Sprint(c.trusted))
	c.b.Landed = nil
	send()
	path, status := c.b.URL.Path, c.b.Status
	c.notePassword()
	after := c.ways(c.user())
	prepared := len(after.since(had)) > 0
	trusted := c.trusted // without a second factor, or in a frozen account, nothing can be said of it
	second := len(after[web.Authenticator])+len(after[web.Passkey]) > 0
	if second && c.user().FrozenAt.IsZero() && (trusted || !maps.Equal(cookies, c.cookies())) {
		trusted = c.spared()
	}
	after.put(web.TrustedBrowser, "this", fmt.Sprint(trusted))
	differ = after.since(before)
	c.same = len(differ) == 0 && !prepared && maps.Equal(fresh, c.cookies()) && d.leaves(c)
	if added := c.added(); len(differ) == 0 && len(added) > 0 {
		return "new account " + list(added), added
	}
	switch {
	case len(differ) > 0:
		return "allowed " + list(differ), differ
	case status >= http.StatusInternalServerError:
		c.t.Errorf("%s: %d at %s", d.name(), status, path)
	case strings.HasPrefix(path, atFactor), path == atSignIn, path == atConfirm, path == "/choose", status == http.StatusOK &&
		asksToConnect(path):
		return "more", nil
	case d.form != "" && status == http.StatusOK && !c.b.Has(d.form):
		return "asked by email", nil
	}
	return "refused", nil
}

// asksToConnect reports whether a page asks whether to connect what came from an upstream, or to sign in for it.
func asksToConnect(path string) bool {
	return path == "/signin/connect" || strings.HasPrefix(path, "/signin/with/") && strings.HasSuffix(path, "/new")
}

// leaves reports whether the driver changes nothing but what can be seen: the next one may go on in the same cell. A sign-in in
// progress notes much, but nothing of requests to the account's pages.
func (d *driver) leaves(c *cell) bool {
	return !d.link && !d.upstream && !d.owner && (c.i == "" || strings.HasPrefix(d.route, "POST /account/"))
}

// added are the ways of an account that came into being.
func (c *cell) added() []web.Touch {
	c.t.Helper()
	if c.email == "" {
		return nil
	}
	u, err := c.w.Services().DB.UserByKey(c.t.Context(), c.email, "")
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return c.ways(u).since(snapshot{})
}

func list(touches []web.Touch) string {
	var names []string
	for _, kind := range kinds {
		if slices.Contains(touches, kind) {
			names = append(names, string(kind))
		}
	}
	return "(" + strings.Join(names, ", ") + ")"
}
