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
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/server/pages"
)

// upstreamKinds are the kinds of provider, and their names.
var upstreamKinds = []pages.ConsoleChoice{{Value: "oidc", Label: "OpenID Connect"}, {Value: "google", Label: "Google"},
	{Value: "microsoft", Label: "Microsoft"}, {Value: "apple", Label: "Apple"}, {Value: "github", Label: "GitHub"},
	{Value: "facebook", Label: "Facebook"}}

// upstreams lists the providers where people sign in, and the kinds of which one can be added.
func (h *Handler) upstreams(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.upstreams"}
	all, err := h.Acts.Upstreams(ctx, v.actor)
	if err != nil {
		return p, err
	}
	list := pages.ConsoleList{Heading: "console.upstreams"}
	for _, u := range all {
		row := pages.ConsoleRow{Title: u.Name, Note: u.Kind + " · " + u.RedirectURI, URL: h.to(upstreamsPath, u.ID)}
		switch {
		case u.Disabled:
			row.Label = "console.disabled"
		case u.FailedAt.After(u.SucceededAt):
			row.Label, row.At = "console.problem", u.FailedAt
		case !u.SucceededAt.IsZero():
			row.Label, row.At = "console.good", u.SucceededAt
		}
		list.Rows = append(list.Rows, row)
	}
	p.Lists = append(p.Lists, list)
	if v.actor.Holds[admin.UpstreamsWrite] {
		add := pages.ConsoleList{Heading: "console.upstream_add"}
		for _, kind := range upstreamKinds {
			add.Rows = append(add.Rows, pages.ConsoleRow{Title: kind.Label, URL: h.Browser.Path(upstreamsPath+"/add/"+kind.Value, nil)})
		}
		p.Lists = append(p.Lists, add)
	}
	return p, nil
}

// addUpstream adds one of a kind.
func (h *Handler) addUpstream(ctx context.Context, v *visit) (pages.Console, error) {
	kind := v.PathValue("kind")
	at := slices.IndexFunc(upstreamKinds, func(c pages.ConsoleChoice) bool { return c.Value == kind })
	p := pages.Console{Heading: "console.upstream_add"}
	if at < 0 || !v.actor.Holds[admin.UpstreamsWrite] {
		return p, admin.ErrNotFound
	}
	p.Name = upstreamKinds[at].Label
	if v.what() == "create" {
		u, err := askedUpstream(v, setting.Upstream{Kind: kind})
		if err != nil {
			return p, err
		}
		u.ID = strings.TrimSpace(v.post.Get("id"))
		if _, err := h.Acts.CreateUpstream(ctx, v.actor, u, askedSecrets(v)); err != nil {
			return p, err
		}
		v.next = h.to(upstreamsPath, u.ID)
		return p, nil
	}
	id := kind
	if kind == "oidc" {
		id = "login"
	}
	p.Facts = []pages.ConsoleFact{{Label: "console.upstream_redirect", Value: h.Issuer + "/signin/with/" + id + "/callback"}}
	fields := append([]pages.ConsoleField{{Name: "id", Label: "console.id", Value: id}}, upstreamFields(setting.Upstream{Kind: kind}, true)...)
	h.act(v, admin.UpstreamsWrite, &p.Acts,
		pages.ConsoleAct{Label: "console.upstream_add", More: "console.upstream_add_more", Value: "create", Fields: fields})
	return p, nil
}

// askedUpstream is what a form says of one. What was left as it was shown stays as it is, and so does what the form has no field for: that
// of a page which an earlier release made has fewer.
func askedUpstream(v *visit, u setting.Upstream) (setting.Upstream, error) {
	shown := map[string]string{}
	for _, f := range upstreamFields(u, false) {
		shown[f.Name] = f.Value
	}
	plain := func(text string) string { return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) }
	edited := func(name string) (text string, is bool) {
		was, has := shown[name]
		text = plain(v.post.Get(name))
		return text, has && v.post.Has(name) && text != plain(was)
	}
	for name, to := range map[string]*string{"name": &u.Name, "client_id": &u.ClientID, "issuer": &u.Issuer, "tenant": &u.Tenant,
		"team_id": &u.TeamID, "key_id": &u.KeyID, "new_accounts": &u.NewAccounts, "profile": &u.Profile, "groups_claim": &u.GroupsClaim} {
		if text, is := edited(name); is {
			*to = text
		}
	}
	for name, to := range map[string]*[]string{"scopes": &u.Scopes, "domains": &u.Domains, "routes": &u.Routes,
		"authoritative_for": &u.AuthoritativeFor} {
		if text, is := edited(name); is {
			*to = strings.Fields(strings.ReplaceAll(text, ",", " "))
		}
	}
	for name, to := range map[string]*bool{"trust_second_factor": &u.TrustSecondFactor, "sign_out": &u.SignOut} {
		if text, is := edited(name); is {
			*to = text == "yes"
		}
	}
	wrong := &admin.Invalid{}
	for name, to := range map[string]*map[string]string{"claims": &u.Claims, "groups": &u.Groups} {
		if text, is := edited(name); is {
			all, err := pairs(text, name == "groups")
			if *to = all; err != nil {
				wrong.Fields = append(wrong.Fields, admin.Field{Name: name, Text: err.Error()})
			}
		}
	}
	if len(wrong.Fields) > 0 {
		return u, wrong
	}
	return u, nil
}

// askedSecrets are those that a form has.
func askedSecrets(v *visit) setting.Secrets {
	text := func(name string) string { return strings.TrimSpace(v.post.Get(name)) }
	return setting.Secrets{ClientSecret: text("client_secret"), PrivateKey: text("private_key")}
}

// pairs reads lines like name = groups/name; what has no = gets an empty value, which is refused with its name. What others call their
// groups can have a = itself (CN=staff,OU=eu), and ours cannot: there the last one counts.
func pairs(text string, last bool) (map[string]string, error) {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		at := strings.Index(line, "=")
		if last {
			at = strings.LastIndex(line, "=")
		}
		if at < 0 {
			line, at = line+"=", len(line)
		}
		name := strings.TrimSpace(line[:at])
		if _, is := all[name]; is {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		all[name] = strings.TrimSpace(line[at+1:])
	}
	return all, nil
}

// lines writes them.
func lines(all map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text.WriteString(name + " = " + all[name] + "\n")
	}
	return text.String()
}

// truth is a field of yes and no.
func truth(name, label string, is bool) pages.ConsoleField {
	return pages.ConsoleField{Name: name, Label: label, Value: map[bool]string{true: "yes", false: "no"}[is],
		Choices: []pages.ConsoleChoice{{Value: "no", Label: "consent.no"}, {Value: "yes", Label: "consent.yes"}}}
}

// upstreamFields are those of a kind; fresh: there is no secret yet that could stay.
func upstreamFields(u setting.Upstream, fresh bool) (fields []pages.ConsoleField) {
	add := func(name, label, value string, optional bool) {
		fields = append(fields, pages.ConsoleField{Name: name, Label: label, Value: value, Optional: optional})
	}
	secret := func(name, label, keep string, long bool) {
		if !fresh {
			label = keep
		}
		optional := !fresh || u.Kind == "oidc"
		fields = append(fields, pages.ConsoleField{Name: name, Label: label, Optional: optional, Secret: true, Long: long})
	}
	add("name", "console.name", u.Name, u.Kind != "oidc")
	switch u.Kind {
	case "oidc", "github":
		add("issuer", "console.issuer", u.Issuer, u.Kind == "github")
	case "microsoft":
		add("tenant", "console.upstream_tenant", u.Tenant, true)
	}
	add("client_id", "console.client_id", u.ClientID, false)
	if u.Kind == "apple" {
		add("team_id", "console.upstream_team", u.TeamID, false)
		add("key_id", "console.upstream_key", u.KeyID, false)
		secret("private_key", "console.private_key", "console.private_key_keep", true)
	} else {
		secret("client_secret", "console.client_secret", "console.client_secret_keep", false)
	}
	add("scopes", "console.scopes", strings.Join(u.Scopes, " "), true)
	if u.Kind != "facebook" {
		add("domains", "console.upstream_domains", strings.Join(u.Domains, ", "), true)
	}
	add("routes", "console.upstream_routes", strings.Join(u.Routes, ", "), true)
	add("authoritative_for", "console.upstream_authoritative", strings.Join(u.AuthoritativeFor, ", "), true)
	return append(fields,
		pages.ConsoleField{Name: "new_accounts", Label: "console.upstream_accounts", Value: cmp.Or(u.NewAccounts, "as_signup"),
			Choices: []pages.ConsoleChoice{{Value: "as_signup", Label: "console.accounts_as_signup"},
				{Value: "always", Label: "console.accounts_always"}, {Value: "never", Label: "console.never"}}},
		truth("trust_second_factor", "console.upstream_second", u.TrustSecondFactor),
		pages.ConsoleField{Name: "profile", Label: "console.upstream_profile", Value: cmp.Or(u.Profile, "first"),
			Choices: []pages.ConsoleChoice{{Value: "first", Label: "console.profile_first"}, {Value: "always", Label: "console.accounts_always"},
				{Value: "never", Label: "console.never"}}},
		pages.ConsoleField{Name: "claims", Label: "console.upstream_claims", Value: lines(u.Claims), Optional: true, Long: true},
		pages.ConsoleField{Name: "groups_claim", Label: "console.upstream_groups_claim", Value: u.GroupsClaim, Optional: true},
		pages.ConsoleField{Name: "groups", Label: "console.upstream_groups", Value: lines(u.Groups), Optional: true, Long: true},
		truth("sign_out", "console.upstream_sign_out", u.SignOut))
}

// upstream shows one, and changes it if the configuration does not declare it.
func (h *Handler) upstream(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.upstreams", Name: v.of()}
	found, err := h.changeUpstream(ctx, v)
	if err != nil || v.next != "" {
		return p, err
	}
	u, err := h.Acts.Upstream(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	people, err := h.Acts.UpstreamPeople(ctx, v.actor, u.ID)
	if err != nil {
		return p, err
	}
	all, err := h.Acts.Upstreams(ctx, v.actor)
	if err != nil {
		return p, err
	}
	for _, one := range all {
		if one.ID == u.ID {
			p.Name, p.Facts = one.Name, ofUpstream(one, people)
		}
	}
	if err := h.kept(ctx, v, &p, thing.Upstreams, u.ID); err != nil {
		return p, err
	}
	if len(found) > 0 {
		p.Lists = append(p.Lists, findings("console.upstream_test", found))
	}
	h.upstreamActs(v, &p, u)
	return p, nil
}

// counted is a number of people as it was counted.
func counted(n int64) string {
	if n >= setting.Counted {
		return "≥ " + strconv.Itoa(setting.Counted)
	}
	return strconv.FormatInt(n, 10)
}

// ofUpstream are the facts about one.
func ofUpstream(u view.Upstream, people setting.Known) []pages.ConsoleFact {
	state := "console.enabled"
	if u.Declared {
		state = "console.declared"
	} else if u.Disabled {
		state = "console.disabled"
	}
	facts := []pages.ConsoleFact{{Label: "console.id", Value: u.ID}, {Label: "console.state", Text: state},
		{Label: "console.kind", Value: u.Kind}, {Label: "console.issuer", Value: cmp.Or(u.Issuer, "–")},
		{Label: "console.upstream_redirect", Value: u.RedirectURI},
		{Label: "console.upstream_people", Value: counted(people.People)}, {Label: "console.upstream_only", Value: counted(people.Only)}}
	for _, use := range []pages.ConsoleFact{{Label: "console.upstream_succeeded", At: u.SucceededAt},
		{Label: "console.upstream_failed", At: u.FailedAt}} {
		if use.At.IsZero() {
			use.Text = "console.never"
		}
		facts = append(facts, use)
	}
	if u.Failure != "" {
		facts = append(facts, pages.ConsoleFact{Label: "console.found", Text: "console.why." + u.Failure})
	}
	return facts
}

// changeUpstream carries out what is asked for, if anything.
func (h *Handler) changeUpstream(ctx context.Context, v *visit) (found []view.Finding, err error) {
	act, seen, _ := strings.Cut(v.what(), " ")
	switch act {
	case "change":
		_, err = h.Acts.ChangeUpstream(ctx, v.actor, v.of(), seen, askedSecrets(v), func(u *setting.Upstream) (err error) {
			*u, err = askedUpstream(v, *u)
			return err
		})
	case "enable", "disable":
		_, err = h.Acts.ChangeUpstream(ctx, v.actor, v.of(), seen, setting.Secrets{}, func(u *setting.Upstream) error {
			u.Disabled = act == "disable"
			return nil
		})
	case "test":
		found, err = h.Acts.TestUpstream(ctx, v.actor, v.of())
		v.stay = true
	case "delete":
		if err = h.Acts.DeleteUpstream(ctx, v.actor, v.of(), seen); err == nil {
			v.next = h.Browser.Path(upstreamsPath, nil)
		}
	}
	return found, err
}

func (h *Handler) upstreamActs(v *visit, p *pages.Console, u view.UpstreamSettings) {
	offer := func(a pages.ConsoleAct) { h.act(v, admin.UpstreamsWrite, &p.Acts, a) }
	offer(pages.ConsoleAct{Label: "console.upstream_test", More: "console.upstream_test_more", Value: "test"})
	if u.Declared {
		return
	}
	seen := " " + admin.Tag(u)
	offer(pages.ConsoleAct{Label: "account.change", Value: "change" + seen, Fields: upstreamFields(u.Upstream, false)})
	if u.Disabled {
		offer(pages.ConsoleAct{Label: "console.enable", Value: "enable" + seen})
	} else {
		offer(pages.ConsoleAct{Label: "console.disable", More: "console.upstream_disable_more", Value: "disable" + seen, Danger: true})
	}
	offer(pages.ConsoleAct{Label: "console.delete", More: "console.upstream_delete_more", Value: "delete" + seen, Danger: true})
}
