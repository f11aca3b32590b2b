// Package console is the administrators' pages at /admin: people, groups, roles, apps, signing keys, webhooks, the audit log and the server
// itself, drawn by the server, without a need for scripts. Every act is package admin's, which the JSON API calls as well. Whoever holds no
// permission finds nothing here. What changes something wants a sign-in with a second factor, ten minutes old at most. Begin reading with
// Mount.
package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"signet/admin"
	"signet/admin/proposals"
	"signet/internal/ratelimit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
)

// Options of New; all but Tools and Proposals are required.
type Options struct {
	Login   *login.Login
	Browser *browser.Browser
	Pages   *pages.Pages
	Acts    *admin.Service
	Issuer  string
	Tools   bool // there are tools for administrators' MCP clients, which an app can be allowed
	// Proposals are acts that such a client asks the administrator for; nil: none does.
	Proposals *proposals.Service
	// Sealer seals what a page shows to be sent back, and Place names what it is (seal.Place).
	Sealer Sealer
	Place  func(table, row, column string) []byte
}

// Sealer is the part of *seal.Master that is used here.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Handler answers the pages.
type Handler struct {
	Options
	uploads   turns
	importing chan struct{} // holds something while people are imported
}

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Pages == nil || o.Acts == nil || o.Issuer == "" || o.Sealer == nil || o.Place == nil {
		return nil, errors.New("server/console: login, browser, pages, acts, issuer, sealer and place are required")
	}
	return &Handler{o, turns{of: map[string]bool{}}, make(chan struct{}, 1)}, nil
}

// The pages.
const (
	home         = "/admin"
	peoplePath   = home + "/people"
	groupsPath   = home + "/groups"
	rolesPath    = home + "/roles"
	appsPath     = home + "/apps"
	eventsPath   = home + "/events"
	keysPath     = home + "/keys"
	webhooksPath = home + "/webhooks"

	upstreamsPath = home + "/upstreams"
	mailPath      = home + "/mail"
	settingsPath  = home + "/settings"
	healthPath    = home + "/health"
)

// Proposals is where an administrator confirms what their MCP client proposed: a page for each, and a list.
const Proposals = home + "/proposals"

// FirstApp is where the first administrator begins: the page of apps, which says so.
const FirstApp = appsPath + "?first=1"

// Mount implements web.Mounter. Ways to sign in that acts change are guarded by package admin, not by the rules of a person's own account.
func (h *Handler) Mount(m *web.Mux) {
	all := map[string]page{
		home: h.start, peoplePath: h.people, peoplePath + "/{id}": h.person, groupsPath: h.groups, groupsPath + "/{id}": h.group,
		rolesPath: h.roles, rolesPath + "/{id}": h.role, appsPath: h.apps, appsPath + "/{id}": h.app, eventsPath: h.events, keysPath: h.keys,
		apisPath: h.apis, apisPath + "/{id}": h.api,
		webhooksPath: h.webhooks, webhooksPath + "/{id}": h.webhook, mailPath: h.mails, mailPath + "/{id}": h.mailed,
		upstreamsPath + "/{id}": h.upstream, upstreamsPath + "/add/{kind}": h.addUpstream,
	}
	if h.Proposals != nil {
		all[Proposals], all[Proposals+"/{id}"] = h.proposals, h.proposal
	}
	for path, page := range all {
		m.Page("GET "+path, h.shown(page))
		m.Console("POST "+path, h.acted(page, nil))
	}
	m.Page("GET "+importPath, h.shown(h.importPeople))
	m.ConsoleUpload("POST "+importPath, mostSent, h.acted(h.importPeople, &importForm))
	m.Page("GET "+settingsPath+"/{id}", h.shown(h.section))
	m.ConsoleUpload("POST "+settingsPath+"/{id}", mostSent, h.acted(h.section, &sectionForm))
	m.Page("GET "+settingsPath+"/branding/look", h.look)
	m.Page("GET "+previewPath+"/{look}/{file}", h.previewFile)
	for path, page := range map[string]page{
		upstreamsPath: h.upstreams, settingsPath: h.settings, healthPath: h.health,
		appsPath + "/{id}/first": h.first, peoplePath + "/{id}" + claimsPath: h.preview,
	} {
		m.Page("GET "+path, h.shown(page))
	}
}

// visit is a request of an administrator. post is nil unless something is to be done.
type visit struct {
	*http.Request
	actor   admin.Actor
	visitor *browser.Visitor
	post    url.Values
	files   map[string]file // that came with it
	secret  string          // to be shown once
	stay    bool            // what came of the act is shown, and not by another GET
	tried   bool            // … which has changed nothing
	answer  web.Func        // … by a page of its own; nil = it is shown on this one
	next    string          // the page to go to after the act; "" = the same
}

// here is the address of the page, as names with slashes have to be written in it.
func (v *visit) here() string { return v.URL.EscapedPath() }

// of is what the page is about.
func (v *visit) of() string { return v.PathValue("id") }

// what is the act that is asked for; "" = none.
func (v *visit) what() string { return v.post.Get("what") }

// page carries out what v asks for, if anything, and says what is to be seen after it.
type page func(ctx context.Context, v *visit) (pages.Console, error)

// enter finds the administrator; others are sent to sign in, or find nothing.
func (h *Handler) enter(r *http.Request) (s *login.State, a admin.Actor, err error) {
	if s, err = h.Login.Plain(r); err != nil || !s.Is(flow.Finish) {
		return s, a, err
	}
	held, err := h.Acts.Held(r.Context(), s.Visitor.UserID)
	if err == nil && len(held) == 0 {
		err = &web.PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	return s, admin.Actor{Kind: admin.KindPerson, ID: s.Visitor.UserID, Holds: held, ByHand: true}, err
}

func (h *Handler) shown(show page) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, actor, err := h.enter(r)
		if err != nil {
			return err
		}
		if !s.Is(flow.Finish) {
			return h.Login.GoOn(w, r, s)
		}
		v := &visit{Request: r, actor: actor, visitor: s.Visitor}
		p, err := show(r.Context(), v)
		if err != nil {
			return asPage(err)
		}
		p.Done = r.URL.Query().Get("done") == "1"
		return h.render(w, v, p, http.StatusOK)
	}
}

// Recent is how old a sign-in may be that changes something.
const Recent = 10 * time.Minute

// acted carries an act out; files is what a form with some may be, nil = it has none.
func (h *Handler) acted(act page, files *upload) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, actor, err := h.enter(r)
		if err != nil {
			return err
		}
		if !s.Is(flow.Finish) {
			return h.Login.GoOn(w, r, s)
		}
		v := &visit{Request: r, actor: actor, visitor: s.Visitor}
		if files != nil {
			done, err := h.receive(w, v, *files)
			if err != nil {
				return err
			}
			defer done()
			// A form that may take a minute to arrive gives nothing that its sender lost meanwhile.
			if s, v.actor, err = h.enter(r); err != nil {
				return err
			}
			if !s.Is(flow.Finish) {
				return h.Login.GoOn(w, r, s)
			}
			v.visitor = s.Visitor
		}
		if !browser.ForVisitor(r, s.Visitor) {
			return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Browser.Path(home, nil)}
		}
		if time.Since(s.Visitor.AuthTime) > Recent || !flow.Reaches(s.Visitor.ACR, flow.ACRMulti) {
			return h.again(w, v, act)
		}
		return h.carryOut(w, v, act)
	}
}

// again asks for a sign-in that allows an act, or tells that there is a second factor to be set up first.
func (h *Handler) again(w http.ResponseWriter, v *visit, act page) error {
	second, err := h.Login.Stronger(v.Context(), v.visitor, flow.ACRMulti)
	if err != nil {
		return err
	}
	if second {
		return h.Login.Confirm(w, v.Request, "/"+strings.TrimPrefix(v.URL.EscapedPath(), h.Browser.Path("/", nil)))
	}
	p, err := act(v.Context(), v)
	if err != nil {
		return asPage(err)
	}
	keep(p.Acts, v.PostForm)
	p.Problem = "console.second"
	return h.render(w, v, p, http.StatusForbidden)
}

// carryOut runs the act and shows what came of it: by another GET where nothing has to be shown once.
func (h *Handler) carryOut(w http.ResponseWriter, v *visit, act page) error {
	if err := v.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	v.post = v.PostForm
	p, err := act(v.Context(), v)
	if err == nil && v.answer != nil {
		return v.answer(w, v.Request)
	}
	if err == nil && v.secret == "" && !v.stay {
		return web.Redirect(w, v.Request, cmp.Or(v.next, v.here())+"?done=1")
	}
	if err == nil {
		p.Secret, p.Done = v.secret, !v.tried
		return h.render(w, v, p, http.StatusOK)
	}
	problem, detail := problemOf(err)
	if problem == "" {
		return asPage(err)
	}
	typed := v.post
	v.post, v.files = nil, nil
	if p, err = act(v.Context(), v); err != nil {
		return asPage(err)
	}
	keep(p.Acts, typed)
	p.Problem, p.Detail = problem, detail
	return h.render(w, v, p, http.StatusUnprocessableEntity)
}

// keep fills the form that was sent with what was typed into it, so that a mistake is mended and nothing is typed again. A private key or a
// secret is not sent back.
func keep(acts []pages.ConsoleAct, typed url.Values) {
	first := func(what string) string { act, _, _ := strings.Cut(what, " "); return act }
	i := slices.IndexFunc(acts, func(a pages.ConsoleAct) bool {
		try := func(t pages.ConsoleChoice) bool { return first(t.Value) == first(typed.Get("what")) }
		return len(a.Fields) > 0 && (first(a.Value) == first(typed.Get("what")) || slices.ContainsFunc(a.Tries, try))
	})
	if i < 0 {
		return
	}
	acts[i].Fields = slices.Clone(acts[i].Fields) // they may be of all requests
	for n, f := range acts[i].Fields {
		text := typed.Get(f.Name)
		if _, sent := typed[f.Name]; sent && !f.Secret && (!f.Long || !private.MatchString(text)) {
			acts[i].Fields[n].Value = text
		}
	}
}

// private is what a JSON Web Key has that is not public (RFC 7518 section 6).
var private = regexp.MustCompile(`"(d|k|p|q|oth)"\s*:`)

func (h *Handler) render(w http.ResponseWriter, v *visit, p pages.Console, status int) error {
	p.Person = v.visitor.Person
	for _, item := range []struct {
		label, path string
		needs       admin.Permission
	}{
		{"console.home", home, ""}, {"console.people", peoplePath, admin.PeopleRead}, {"console.groups", groupsPath, admin.PeopleRead},
		{"console.roles", rolesPath, admin.PeopleRead}, {"console.apps", appsPath, admin.ClientsRead},
		{"console.apis", apisPath, admin.ClientsRead},
		{"console.events", eventsPath, admin.AuditRead}, {"console.keys", keysPath, admin.KeysRead},
		{"console.webhooks", webhooksPath, admin.WebhooksWrite}, {"console.upstreams", upstreamsPath, admin.UpstreamsRead},
		{"console.mail", mailPath, admin.MailRead}, {"console.settings", settingsPath, admin.SettingsRead},
		{"console.health", healthPath, admin.SettingsRead}, {"console.proposals", Proposals, ""},
	} {
		if item.path == Proposals && h.Proposals == nil {
			continue
		}
		if item.needs == "" || v.actor.Holds[item.needs] {
			path := h.Browser.Path(item.path, nil)
			current := v.URL.Path == path || item.path != home && strings.HasPrefix(v.URL.Path, path+"/") ||
				item.path == peoplePath && v.URL.Path == h.Browser.Path(importPath, nil)
			p.Menu = append(p.Menu, pages.ConsoleItem{Label: item.label, URL: path, Current: current})
		}
	}
	return h.Pages.Render(w, v.Request, status, p)
}

// problemOf is the text that tells why an act was not carried out; "" for what is told on a page of its own.
func problemOf(err error) (text, detail string) {
	if no, ok := errors.AsType[*admin.Refused](err); ok {
		if no.Over {
			return "console.over", no.Error()
		}
		return "console.refused", no.Error()
	}
	if _, late := errors.AsType[*ratelimit.Throttled](err); late {
		return "form.throttled", ""
	}
	switch {
	case errors.Is(err, admin.ErrInvalid):
		return "console.invalid", err.Error()
	case errors.Is(err, admin.ErrConflict):
		return "console.conflict", strings.TrimPrefix(err.Error(), admin.ErrConflict.Error()+": ")
	case errors.Is(err, admin.ErrChanged):
		return "console.changed", ""
	}
	return "", ""
}

// asPage is the page of an error that ends the visit.
func asPage(err error) error {
	switch {
	case errors.Is(err, admin.ErrNotFound):
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	case errors.Is(err, admin.ErrRefused):
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	}
	return err
}

// act is one of a page, offered to who has the permission.
func (h *Handler) act(v *visit, needs admin.Permission, list *[]pages.ConsoleAct, a pages.ConsoleAct) {
	if v.actor.Holds[needs] {
		a.Action = v.here()
		*list = append(*list, a)
	}
}

// kept says on a page whose files keep what it is about, if any do.
func (h *Handler) kept(ctx context.Context, v *visit, p *pages.Console, kind, key string) error {
	if !v.actor.Holds[admin.ClientsRead] {
		return nil
	}
	owner, err := h.Acts.KeptBy(ctx, v.actor, kind, key)
	if owner != "" {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.kept", Value: owner})
	}
	return err
}

// next is the address of the part of a list after this one.
func (h *Handler) next(v *visit, after string) string {
	if after == "" {
		return ""
	}
	q := v.URL.Query()
	q.Set("after", after)
	q.Del("done")
	q.Del("first")
	return v.here() + "?" + q.Encode()
}

func (h *Handler) to(path, id string) string {
	return h.Browser.Path(path, nil) + "/" + url.PathEscape(id)
}

func (v *visit) ask() admin.Ask { return admin.Ask{After: v.URL.Query().Get("after")} }
