package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"signet/admin"
	"signet/admin/thing"
	"signet/clients"
	"signet/server/pages"
)

// apisPath is the page of the APIs that access tokens are for (RFC 8707).
const apisPath = home + "/apis"

// How a scope is asked for.
const (
	scopeBox       = "box"
	scopeRequired  = "required"
	scopeSensitive = "sensitive"
)

var asking = []pages.ConsoleChoice{{Value: scopeBox, Label: "console.scope_box"}, {Value: scopeRequired, Label: "console.scope_required"},
	{Value: scopeSensitive, Label: "console.scope_sensitive"}}

var yesNo = []pages.ConsoleChoice{{Value: "no", Label: "consent.no"}, {Value: "yes", Label: "consent.yes"}}

// apis lists them, and makes one.
func (h *Handler) apis(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.apis"}
	if v.what() == "create" {
		return p, h.createAPI(ctx, v)
	}
	list, err := h.Acts.Resources(ctx, v.actor)
	if err != nil {
		return p, err
	}
	rows := pages.ConsoleList{Heading: "console.apis"}
	for _, r := range list {
		rows.Rows = append(rows.Rows, pages.ConsoleRow{Title: cmp.Or(r.Name, r.Identifier), Note: r.Identifier, Label: apiOrigin(r),
			URL: h.to(apisPath, r.Identifier)})
	}
	p.Lists = append(p.Lists, rows)
	h.act(v, admin.ResourcesWrite, &p.Acts, pages.ConsoleAct{Label: "console.create_api", More: "console.create_api_more", Value: "create",
		Fields: []pages.ConsoleField{{Name: "identifier", Label: "console.identifier"}, {Name: "name", Label: "console.name"},
			{Name: "scopes", Label: "console.scopes", Optional: true}}})
	return p, nil
}

// createAPI registers one that is not there yet.
func (h *Handler) createAPI(ctx context.Context, v *visit) error {
	r := clients.Resource{Identifier: strings.TrimSpace(v.post.Get("identifier")), Name: strings.TrimSpace(v.post.Get("name")),
		Scopes: words(v.post.Get("scopes"))}
	if err := h.Acts.PutResource(ctx, v.actor, r, admin.Tag(nil)); err != nil {
		return err
	}
	v.next = h.to(apisPath, r.Identifier)
	return nil
}

// words are what is parted by blanks and commas.
func words(text string) []string { return strings.Fields(strings.ReplaceAll(text, ",", " ")) }

// apiOrigin says of an API that nobody changes here where it is from.
func apiOrigin(r clients.Resource) string {
	switch {
	case slices.ContainsFunc(r.Scopes, func(s string) bool { return strings.HasPrefix(s, admin.ScopePrefix) }):
		return "console.builtin"
	case r.Declared:
		return "console.declared"
	}
	return ""
}

// api shows one with its scopes.
func (h *Handler) api(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.apis", Name: v.of()}
	if v.what() != "" {
		return p, h.changeAPI(ctx, v)
	}
	r, err := h.Acts.Resource(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	p.Name = cmp.Or(r.Name, r.Identifier)
	p.Facts = apiFacts(r)
	if err := h.kept(ctx, v, &p, thing.Resources, r.Identifier); err != nil {
		return p, err
	}
	tag, changes := admin.Tag(r), v.actor.Holds[admin.ResourcesWrite] && !r.Declared
	scopes := pages.ConsoleList{Heading: "console.scopes"}
	for _, scope := range r.Scopes {
		d := r.Details[scope]
		row := pages.ConsoleRow{Title: scope, Note: d.Title[""]}
		switch {
		case d.Required:
			row.Label = "console.scope_required"
		case d.Sensitive:
			row.Label = "console.scope_sensitive"
		}
		if changes {
			row.Act = &pages.ConsoleAct{Label: "account.remove", Action: v.here(), Value: "remove " + tag + " " + scope}
		}
		scopes.Rows = append(scopes.Rows, row)
	}
	p.Lists = append(p.Lists, scopes)
	if changes {
		h.apiActs(v, &p, r, tag)
	}
	return p, nil
}

func apiFacts(r clients.Resource) []pages.ConsoleFact {
	facts := []pages.ConsoleFact{{Label: "console.identifier", Value: r.Identifier}}
	add := func(label, value string) {
		if value != "" {
			facts = append(facts, pages.ConsoleFact{Label: label, Value: value})
		}
	}
	if origin := apiOrigin(r); origin != "" {
		facts = append(facts, pages.ConsoleFact{Label: "console.state", Text: origin})
	}
	add("console.introspected_by", strings.Join(r.IntrospectedBy, " "))
	add("console.exchanged_by", strings.Join(r.ExchangedBy, " "))
	if r.RequireSecondFactor {
		facts = append(facts, pages.ConsoleFact{Label: "console.api_second", Text: "consent.yes"})
	}
	if r.MaxAge > 0 {
		add("console.api_age", strconv.FormatInt(r.MaxAge, 10))
	}
	if r.Open {
		facts = append(facts, pages.ConsoleFact{Label: "console.api_open", Text: "consent.yes"})
	}
	var types []string
	for _, one := range r.DetailsTypes {
		types = append(types, one.Type)
	}
	add("console.api_details", strings.Join(types, " "))
	return facts
}

func (h *Handler) apiActs(v *visit, p *pages.Console, r clients.Resource, tag string) {
	offer := func(a pages.ConsoleAct) { h.act(v, admin.ResourcesWrite, &p.Acts, a) }
	said := map[bool]string{true: "yes", false: "no"}
	age := ""
	if r.MaxAge > 0 {
		age = strconv.FormatInt(r.MaxAge, 10)
	}
	offer(pages.ConsoleAct{Label: "console.put_scope", More: "console.put_scope_more", Value: "scope " + tag, Fields: []pages.ConsoleField{
		{Name: "scope", Label: "console.scope"}, {Name: "title", Label: "console.scope_title", Optional: true},
		{Name: "description", Label: "console.scope_description", Optional: true},
		{Name: "asking", Label: "console.scope_asking", Choices: asking}}})
	offer(pages.ConsoleAct{Label: "account.change", Value: "change " + tag, Fields: []pages.ConsoleField{
		{Name: "name", Label: "console.name", Value: r.Name},
		{Name: "introspected", Label: "console.introspected_by", Value: strings.Join(r.IntrospectedBy, " "), Optional: true},
		{Name: "exchanged", Label: "console.exchanged_by", Value: strings.Join(r.ExchangedBy, " "), Optional: true},
		{Name: "second", Label: "console.api_second", Value: said[r.RequireSecondFactor], Choices: yesNo},
		{Name: "age", Label: "console.api_age", Value: age, Optional: true},
		{Name: "open", Label: "console.api_open", Value: said[r.Open], Choices: yesNo}}})
	offer(pages.ConsoleAct{Label: "console.delete", More: "console.delete_api_more", Value: "delete " + tag, Danger: true})
}

// changeAPI carries out what is asked for, of what the administrator saw.
func (h *Handler) changeAPI(ctx context.Context, v *visit) error {
	act, seen, _ := strings.Cut(v.what(), " ")
	if act == "delete" {
		v.next = h.Browser.Path(apisPath, nil)
		return h.Acts.DeleteResource(ctx, v.actor, v.of(), cmp.Or(seen, admin.Tag(nil)))
	}
	r, err := h.Acts.Resource(ctx, v.actor, v.of())
	if err != nil {
		return err
	}
	seen, scope, _ := strings.Cut(seen, " ")
	switch act {
	case "remove":
		r.Scopes = slices.DeleteFunc(slices.Clone(r.Scopes), func(s string) bool { return s == scope })
		r.Details = maps.Clone(r.Details)
		delete(r.Details, scope)
	case "scope":
		putScope(&r, v)
	case "change":
		r.Name, r.IntrospectedBy, r.ExchangedBy = strings.TrimSpace(v.post.Get("name")), words(v.post.Get("introspected")),
			words(v.post.Get("exchanged"))
		r.RequireSecondFactor, r.Open = v.post.Get("second") == "yes", v.post.Get("open") == "yes"
		if r.MaxAge, err = strconv.ParseInt(cmp.Or(strings.TrimSpace(v.post.Get("age")), "0"), 10, 64); err != nil {
			return &admin.Invalid{Fields: []admin.Field{{Name: "max_age", Text: "use seconds, a year at most; 0 is any age"}}}
		}
	default:
		return &admin.Invalid{Fields: []admin.Field{{Name: "what", Text: fmt.Sprintf("%.40q is none of this page's acts", act)}}}
	}
	return h.Acts.PutResource(ctx, v.actor, r, cmp.Or(seen, admin.Tag(nil)))
}

// putScope adds the scope of the form, or changes what is said of it. Its texts in other languages stay.
func putScope(r *clients.Resource, v *visit) {
	scope := strings.TrimSpace(v.post.Get("scope"))
	if !slices.Contains(r.Scopes, scope) {
		r.Scopes = append(slices.Clone(r.Scopes), scope)
	}
	d := r.Details[scope]
	d.Title, d.Description = said(d.Title, v.post.Get("title")), said(d.Description, v.post.Get("description"))
	how := v.post.Get("asking")
	d.Required, d.Sensitive = how == scopeRequired, how == scopeSensitive
	if r.Details = maps.Clone(r.Details); r.Details == nil {
		r.Details = map[string]clients.ScopeDetails{}
	}
	if r.Details[scope] = d; d.Empty() {
		delete(r.Details, scope)
	}
}

// said is a text with another one for all languages that have none of their own.
func said(text clients.Text, all string) clients.Text {
	text = maps.Clone(text)
	if all = strings.TrimSpace(all); all == "" {
		delete(text, "")
		return text
	}
	if text == nil {
		text = clients.Text{}
	}
	text[""] = all
	return text
}
