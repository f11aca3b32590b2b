package console

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/admin"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/clients"
	"signet/clients/claimmap"
	"signet/server/pages"
)

// apps lists them, and registers one.
func (h *Handler) apps(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.apps"}
	if v.what() == "create" {
		if err := h.create(ctx, v, &p); err != nil {
			return p, err
		}
	}
	list, err := h.Acts.Clients(ctx, v.actor, v.ask())
	if err != nil {
		return p, err
	}
	if v.URL.Query().Get("first") == "1" {
		p.Intro = "console.first_app"
	}
	rows := pages.ConsoleList{Heading: "console.apps", NextURL: h.next(v, list.Next)}
	for _, c := range list.Items {
		row := pages.ConsoleRow{Title: c.ClientName, Note: c.ClientID, URL: h.to(appsPath, c.ClientID)}
		switch {
		case c.Disabled:
			row.Label = "console.disabled"
		case c.Declared:
			row.Label = "console.declared"
		}
		rows.Rows = append(rows.Rows, row)
	}
	p.Lists = append(p.Lists, rows)
	h.act(v, admin.ClientsWrite, &p.Acts, newApp())
	return p, nil
}

// keepSecrets is how long the secrets before a new one stay valid.
const keepSecrets = 7 * 24 * time.Hour

// app shows one, and carries out what is to be done to it.
func (h *Handler) app(ctx context.Context, v *visit) (p pages.Console, err error) {
	var found []view.Finding
	switch act, seen, _ := strings.Cut(v.what(), " "); act {
	case "disable", "enable":
		return p, h.Acts.SetClientDisabled(ctx, v.actor, v.of(), act == "disable")
	case "allow_tools", "remove_tools":
		return p, h.Acts.AllowTools(ctx, v.actor, v.of(), seen, act == "allow_tools")
	case "delete":
		v.next = h.Browser.Path(appsPath, nil)
		return p, h.Acts.DeleteClient(ctx, v.actor, v.of(), seen)
	case "create-key":
		if err := h.createKey(ctx, v); err != nil {
			return p, err
		}
	case "check":
		if found, err = h.Acts.CheckClient(ctx, v.actor, v.of()); err != nil {
			return p, err
		}
		v.stay = true
	case "revoke-key":
		return p, h.Acts.RevokeAPIKey(ctx, v.actor, seen)
	case "change_map":
		return p, h.setClaimsMap(ctx, v, seen)
	case "secret":
		if v.secret, err = h.Acts.RotateSecret(ctx, v.actor, v.of(), keepSecrets); err != nil {
			return p, err
		}
	case "change":
		_, err := h.Acts.ChangeClient(ctx, v.actor, v.of(), seen, func(m *clients.Metadata) error {
			rename(m, v.post.Get("name"))
			m.RedirectURIs, m.Scope = strings.Fields(v.post.Get("redirect")), v.post.Get("scope")
			return nil
		})
		return p, err
	}
	c, err := h.Acts.Client(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	state := "console.enabled"
	if c.Disabled {
		state = "console.disabled"
	}
	p = pages.Console{Heading: "console.apps", Name: c.ClientName, Facts: []pages.ConsoleFact{
		{Label: "console.id", Value: c.ClientID}, {Label: "console.state", Text: state},
		{Label: "console.kind", Value: c.ApplicationType + ", " + c.TokenEndpointAuthMethod},
		{Label: "console.redirects", Value: cmp.Or(strings.Join(c.RedirectURIs, " "), "–")},
		{Label: "console.grants", Value: strings.Join(c.GrantTypes, ", ")}, {Label: "console.scopes", Value: cmp.Or(c.Scope, "–")},
	}}
	if names := inLanguages(c.Localized); names != "" {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.name", Value: names})
	}
	if len(c.ClaimsMap) > 0 {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.claims_map", Value: strings.Join(claimmap.All(c.ClaimsMap), ", ")})
	}
	if c.DPoPBoundAccessTokens {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.tokens", Text: "console.tokens_bound"})
	}
	if c.AdminTools {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.tools", Text: "account.on"})
	}
	if c.Declared {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.declared", Text: "account.on"})
	}
	if len(c.RedirectURIs) > 0 {
		p.Facts = append(p.Facts, h.toFirst(c.ClientID))
	}
	if len(found) > 0 {
		p.Lists = append(p.Lists, checked(found))
	}
	if err := errors.Join(h.keysOf(ctx, v, &p, c), h.kept(ctx, v, &p, thing.Clients, c.ClientID)); err != nil {
		return p, err
	}
	if v.actor.Holds[admin.AuditRead] {
		events, err := h.Acts.Events(ctx, v.actor, admin.EventFilter{ClientID: c.ClientID}, admin.Ask{Limit: 20})
		if err != nil {
			return p, err
		}
		p.Lists = append(p.Lists, pages.ConsoleList{Heading: "console.events", Rows: h.eventRows(events.Items),
			NextURL: h.Browser.Path(eventsPath, nil) + "?client=" + url.QueryEscape(c.ClientID)})
	}
	h.act(v, admin.ClientsRead, &p.Acts, pages.ConsoleAct{Label: "console.app_check", More: "console.app_check_more", Value: "check"})
	if !c.Declared {
		h.appActs(v, &p, c)
	}
	return p, nil
}

// checked are the findings about an app: each by the field that it is about, as registrations call it.
func checked(found []view.Finding) pages.ConsoleList {
	list := pages.ConsoleList{Heading: "console.app_check"}
	for _, f := range found {
		list.Rows = append(list.Rows, pages.ConsoleRow{Title: f.Check, Label: "console." + f.State, English: true,
			Note: strings.TrimSpace(f.Text + ". " + f.Remedy)})
	}
	return list
}

const nameIn = "client_name#" // before the language

// inLanguages are the names that people read on pages of other languages.
func inLanguages(localized map[string]string) string {
	var names []string
	for _, member := range slices.Sorted(maps.Keys(localized)) {
		if tag, ok := strings.CutPrefix(member, nameIn); ok {
			names = append(names, tag+": "+localized[member])
		}
	}
	return strings.Join(names, ", ")
}

// rename gives an app another name. What it was called in other languages is a translation of the one before.
func rename(m *clients.Metadata, name string) {
	if name == m.ClientName {
		return
	}
	m.ClientName, m.Localized = name, maps.Clone(m.Localized)
	maps.DeleteFunc(m.Localized, func(member, _ string) bool { return strings.HasPrefix(member, nameIn) })
}

// toFirst leads to the page that waits for the first sign-in.
func (h *Handler) toFirst(id string) pages.ConsoleFact {
	return pages.ConsoleFact{Label: "console.first", Value: id, URL: h.to(appsPath, id) + "/first?looks=" + strconv.Itoa(looks)}
}

func (h *Handler) appActs(v *visit, p *pages.Console, c admin.Client) {
	h.act(v, admin.ClientsWrite, &p.Acts, pages.ConsoleAct{Label: "account.change", Value: "change " + admin.Tag(c),
		Fields: []pages.ConsoleField{
			{Name: "name", Label: "console.name", Value: c.ClientName},
			{Name: "redirect", Label: "console.redirects", Value: strings.Join(c.RedirectURIs, " "), Optional: true},
			{Name: "scope", Label: "console.scopes", Value: c.Scope, Optional: true},
		}})
	h.mapAct(v, p, c)
	if c.HasSecret() {
		h.act(v, admin.ClientsSecrets, &p.Acts, pages.ConsoleAct{Label: "console.secret", More: "console.secret_more", Value: "secret"})
	}
	if c.Disabled {
		h.act(v, admin.ClientsWrite, &p.Acts, pages.ConsoleAct{Label: "console.enable", Value: "enable"})
	} else {
		h.act(v, admin.ClientsWrite, &p.Acts, pages.ConsoleAct{Label: "console.disable", More: "console.disable_app_more", Value: "disable",
			Danger: true})
	}
	switch {
	case c.AdminTools:
		h.act(v, admin.ClientsWrite, &p.Acts, pages.ConsoleAct{Label: "console.remove_tools", Value: "remove_tools"})
	case h.Tools && slices.Contains(c.GrantTypes, clients.AuthorizationCode):
		h.act(v, admin.ClientsWrite, &p.Acts, pages.ConsoleAct{Label: "console.allow_tools", More: "console.tools_more",
			Value: "allow_tools " + admin.Tag(c), Danger: true})
	}
	h.act(v, admin.ClientsWrite, &p.Acts,
		pages.ConsoleAct{Label: "console.delete", More: "console.delete_app_more", Value: "delete " + admin.Tag(c),
			Danger: true})
}

// events shows the audit log with filters, which are in the address.
func (h *Handler) events(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.events"}
	q := v.URL.Query()
	list, err := h.Acts.Events(ctx, v.actor, admin.EventFilter{Name: q.Get("name"), UserID: q.Get("person"), ClientID: q.Get("client"),
		ActorID: q.Get("actor"), Reference: q.Get("reference")}, v.ask())
	if err != nil {
		return p, err
	}
	p.Search = &pages.ConsoleSearch{Action: v.here()}
	for _, f := range [][2]string{{"name", "console.by_name"}, {"person", "console.by_person"}, {"client", "console.by_client"},
		{"actor", "console.by_actor"}, {"reference", "console.by_reference"}} {
		p.Search.Fields = append(p.Search.Fields, pages.ConsoleField{Name: f[0], Label: f[1], Value: q.Get(f[0]), Optional: true})
	}
	if reference := q.Get("reference"); reference != "" {
		if err := h.explain(ctx, v, reference, &p); err != nil {
			return p, err
		}
	}
	p.Lists = []pages.ConsoleList{{Heading: "console.events", Rows: h.eventRows(list.Items), NextURL: h.next(v, list.Next)}}
	return p, nil
}

// explain says why the request of a reference was refused, if that is known.
func (h *Handler) explain(ctx context.Context, v *visit, reference string, p *pages.Console) error {
	e, err := h.Acts.Explain(ctx, v.actor, reference)
	if errors.Is(err, admin.ErrNotFound) || errors.Is(err, admin.ErrInvalid) || e.Trace.Route == "" {
		return nil
	}
	if err != nil {
		return err
	}
	failed := e.Steps[len(e.Steps)-1].Check
	p.Facts = []pages.ConsoleFact{{Label: "console.request", Value: e.Trace.Route}, {Label: "console.failed_at", Value: failed, English: true},
		{Label: "console.found", Value: e.Found, English: true}, {Label: "console.remedy", Value: e.Remedy, English: true}}
	return nil
}

// eventRows shows events by their names, as the reference of events has them.
func (h *Handler) eventRows(list []admin.Event) (rows []pages.ConsoleRow) {
	for _, e := range list {
		row := pages.ConsoleRow{Title: e.Name, At: e.At}
		var parts []string
		for _, part := range []string{e.UserID, e.ClientID, e.Network, e.RequestID, strings.Trim(string(e.Detail), "{}")} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		row.Note = strings.Join(parts, " · ")
		if e.UserID != "" {
			row.URL = h.to(peoplePath, e.UserID)
		}
		rows = append(rows, row)
	}
	return rows
}

// keys shows the signing keys, and makes one.
func (h *Handler) keys(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.keys"}
	if v.what() == "rotate" {
		_, err := h.Acts.RotateKey(ctx, v.actor, v.post.Get("alg"), false)
		return p, err
	}
	all, err := h.Acts.Keys(ctx, v.actor)
	if err != nil {
		return p, err
	}
	list := pages.ConsoleList{Heading: "console.keys"}
	seen := map[string]bool{}
	var algs []pages.ConsoleChoice
	for _, k := range all {
		list.Rows = append(list.Rows, pages.ConsoleRow{Title: k.Alg + " " + k.KID, Note: k.State, At: k.MadeAt})
		if !seen[k.Alg] && k.Alg != "refresh" {
			algs = append(algs, pages.ConsoleChoice{Value: k.Alg})
		}
		seen[k.Alg] = true
	}
	p.Lists = append(p.Lists, list)
	h.act(v, admin.KeysRotate, &p.Acts, pages.ConsoleAct{Label: "console.rotate", More: "console.rotate_more", Value: "rotate",
		Fields: []pages.ConsoleField{{Name: "alg", Label: "console.alg", Choices: algs}}})
	return p, nil
}
