package console

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"signet/admin"
	"signet/server/pages"
	"signet/storage/filter"
	"signet/users/membership"
	"signet/users/picture"
)

// start is the overview: what failed of late.
func (h *Handler) start(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.title"}
	var held []string
	for _, one := range admin.All() {
		if v.actor.Holds[one] {
			held = append(held, string(one))
		}
	}
	p.Facts = []pages.ConsoleFact{{Label: "console.permissions", Value: strings.Join(held, ", ")}}
	if v.actor.Holds[admin.AuditRead] {
		for _, list := range []struct{ heading, name string }{{"console.failures", "signin.failed"}, {"console.refusals", "admin.refused"}} {
			events, err := h.Acts.Events(ctx, v.actor, admin.EventFilter{Name: list.name}, admin.Ask{Limit: 10})
			if err != nil {
				return p, err
			}
			p.Lists = append(p.Lists, pages.ConsoleList{Heading: list.heading, Rows: h.eventRows(events.Items),
				NextURL: h.Browser.Path(eventsPath, nil) + "?name=" + list.name})
		}
	}
	if v.actor.Holds[admin.MailRead] {
		mails, err := h.Acts.MailQueue(ctx, v.actor, admin.Ask{Limit: 10})
		if err != nil {
			return p, err
		}
		p.Lists = append(p.Lists, pages.ConsoleList{Heading: "console.mail", Rows: h.mailRows(mails.Items),
			NextURL: h.Browser.Path(mailPath, nil)})
	}
	return p, nil
}

// people finds them, and creates one.
func (h *Handler) people(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.people"}
	if v.what() == "create" {
		made, err := h.Acts.CreatePerson(ctx, v.actor, admin.NewPerson{Email: v.post.Get("email"), Name: v.post.Get("name")})
		if err == nil {
			v.next = h.to(peoplePath, made.ID)
		}
		return p, err
	}
	f, err := peopleFilter(v, &p)
	if err != nil {
		return p, err
	}
	found, err := h.Acts.People(ctx, v.actor, f, v.ask())
	if err != nil {
		return p, err
	}
	if v.actor.Holds[admin.PeopleWrite] {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.import", Value: "JSON Lines", URL: h.Browser.Path(importPath, nil)})
	}
	p.Lists = []pages.ConsoleList{{Heading: "console.people", Rows: h.personRows(found.Items), NextURL: h.next(v, found.Next)}}
	h.act(v, admin.PeopleWrite, &p.Acts, pages.ConsoleAct{Label: "console.create_person", More: "console.create_person_more", Value: "create",
		Fields: []pages.ConsoleField{{Name: "email", Label: "account.email"}, {Name: "name", Label: "console.name", Optional: true}}})
	return p, nil
}

// peopleFilter is what is asked for, and the form that asks for it.
func peopleFilter(v *visit, p *pages.Console) (f filter.People, err error) {
	q := v.URL.Query()
	state, since := q.Get("state"), strings.TrimSpace(q.Get("since"))
	f = filter.People{Search: q.Get("search"), Disabled: state == "disabled", Unverified: state == "unverified",
		Group: strings.TrimSpace(q.Get("group")), Role: strings.TrimSpace(q.Get("role"))}
	p.Search = &pages.ConsoleSearch{Action: v.here(), Fields: []pages.ConsoleField{
		{Name: "search", Label: "console.search_people", Value: f.Search, Optional: true},
		{Name: "state", Label: "console.state", Value: state, Choices: []pages.ConsoleChoice{{Label: "console.all"},
			{Value: "disabled", Label: "console.disabled"}, {Value: "unverified", Label: "account.unverified"}}},
		{Name: "group", Label: "console.group", Value: f.Group, Optional: true},
		{Name: "role", Label: "console.role", Value: f.Role, Optional: true},
		{Name: "since", Label: "console.created_since", Value: since, Optional: true}}}
	if since != "" {
		if f.CreatedSince, err = time.Parse(time.DateOnly, since); err != nil {
			return f, &admin.Invalid{Fields: []admin.Field{{Name: "since", Text: "is no day like 2026-11-29"}}}
		}
	}
	return f, nil
}

func (h *Handler) personRows(list []admin.Person) (rows []pages.ConsoleRow) {
	for _, u := range list {
		row := pages.ConsoleRow{Title: u.Email, Note: cmp.Or(nameOf(u), u.Username), URL: h.to(peoplePath, u.ID)}
		if u.Disabled {
			row.Label = "console.disabled"
		}
		rows = append(rows, row)
	}
	return rows
}

func nameOrAddress(u admin.Person) string { return cmp.Or(nameOf(u), u.Email) }

func nameOf(u admin.Person) string { return claimsOf(u).Name }

// claims are those that the pages show.
type claims struct{ Name, Picture string }

func claimsOf(u admin.Person) (c claims) {
	_ = json.Unmarshal(u.Claims, &c) // a profile that cannot be read has none
	return c
}

// changePerson carries out an act on the person in view.
func (h *Handler) changePerson(ctx context.Context, v *visit) (err error) {
	id := v.of()
	switch v.what() {
	case "disable", "enable":
		_, err = h.Acts.SetDisabled(ctx, v.actor, id, v.what() == "disable")
	case "remove-picture":
		_, err = h.Acts.ChangePerson(ctx, v.actor, id, "", json.RawMessage(`{"picture":null}`))
	case "unfreeze":
		_, err = h.Acts.Unfreeze(ctx, v.actor, id)
	case "reset-link":
		v.secret, err = h.Acts.ResetLink(ctx, v.actor, id, false)
	case "reset-factors":
		_, err = h.Acts.ResetFactors(ctx, v.actor, id)
	case "end-sessions":
		_, err = h.Acts.EndSessions(ctx, v.actor, id)
	case "delete":
		_, err = h.Acts.DeletePerson(ctx, v.actor, id, "", false)
	case "restore":
		_, err = h.Acts.RestorePerson(ctx, v.actor, id)
	case "give":
		err = h.Acts.GiveRole(ctx, v.actor, v.post.Get("role"), membership.Holder{UserID: id})
	default:
		switch act, of, _ := strings.Cut(v.what(), " "); act {
		case "metadata":
			err = h.setMetadata(ctx, v, of)
		case "take":
			err = h.Acts.TakeRole(ctx, v.actor, of, membership.Holder{UserID: id})
		case "pause":
			err = h.Acts.PauseAgent(ctx, v.actor, id, of)
		case "remove":
			err = h.Acts.RemoveAgent(ctx, v.actor, id, of)
		case "revoke":
			err = h.Acts.RevokeGrant(ctx, v.actor, of)
		case "end":
			err = h.Acts.EndSession(ctx, v.actor, id, of)
		}
	}
	return err
}

// person shows one, and carries out what is to be done to them.
func (h *Handler) person(ctx context.Context, v *visit) (p pages.Console, err error) {
	if v.what() != "" {
		if err := h.changePerson(ctx, v); err != nil || v.secret == "" {
			return p, err
		}
	}
	u, err := h.Acts.Person(ctx, v.actor, v.of())
	if err != nil {
		return p, err
	}
	ways, err := h.Acts.Factors(ctx, v.actor, u.ID)
	if err != nil {
		return p, err
	}
	p = pages.Console{Heading: "console.people", Name: nameOrAddress(u), Facts: h.personFacts(u, ways)}
	if len(u.Metadata) > 0 {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.metadata", Value: string(u.Metadata)})
	}
	if v.actor.Holds[admin.ClientsRead] {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.preview", Value: u.Email, URL: h.to(peoplePath, u.ID) + claimsPath})
	}
	roles := pages.ConsoleList{Heading: "console.roles"}
	for _, role := range u.Roles {
		row := pages.ConsoleRow{Title: role, URL: h.to(rolesPath, role)}
		if v.actor.Holds[admin.RolesGive] {
			row.Act = &pages.ConsoleAct{Label: "account.remove", Action: v.here(), Value: "take " + role}
		}
		roles.Rows = append(roles.Rows, row)
	}
	p.Lists = append(p.Lists, roles)
	if err := h.personLists(ctx, v, &p, u.ID); err != nil {
		return p, err
	}
	h.personActs(v, &p, u)
	return p, nil
}

func (h *Handler) personFacts(u admin.Person, ways admin.Factors) []pages.ConsoleFact {
	state := "console.enabled"
	switch {
	case u.Disabled:
		state = "console.disabled"
	case u.Frozen:
		state = "console.frozen"
	}
	facts := []pages.ConsoleFact{
		{Label: "account.email", Value: u.Email}, {Label: "console.verified", Text: verified(u.EmailVerified)},
		{Label: "account.username", Value: cmp.Or(u.Username, "–")}, {Label: "console.id", Value: u.ID}, {Label: "console.state", Text: state},
		{Label: "console.groups", Value: cmp.Or(strings.Join(u.Groups, ", "), "–")}, {Label: "console.created", At: u.CreatedAt},
		{Label: "account.password", Text: has(ways.Password)}, {Label: "account.totp", Text: has(ways.Authenticator)},
		{Label: "account.passkeys", Value: strconv.Itoa(len(ways.Passkeys))},
		{Label: "console.recovery", Value: strconv.Itoa(ways.RecoveryCodes)},
	}
	if address := claimsOf(u).Picture; picture.IDOf(address) != "" { // a person may name another host, which is nobody's to be led to
		facts = append(facts, pages.ConsoleFact{Label: "console.picture", Value: address,
			URL: h.Browser.Path("/pictures/"+picture.IDOf(address), nil)})
	}
	if !u.EraseAt.IsZero() {
		facts = append(facts, pages.ConsoleFact{Label: "console.erased", At: u.EraseAt})
	}
	return facts
}

func has(so bool) string {
	if so {
		return "account.on"
	}
	return "account.none"
}

func verified(so bool) string {
	if so {
		return "account.verified"
	}
	return "account.unverified"
}

// personLists adds what a person has: sessions, apps, events, as far as the actor may see them.
func (h *Handler) personLists(ctx context.Context, v *visit, p *pages.Console, id string) error {
	if v.actor.Holds[admin.SessionsRead] {
		sessions, err := h.Acts.Sessions(ctx, v.actor, id)
		if err != nil {
			return err
		}
		list := pages.ConsoleList{Heading: "console.sessions"}
		for _, s := range sessions {
			row := pages.ConsoleRow{Title: cmp.Or(s.Agent, "–"), Note: s.Address, At: s.SeenAt}
			if v.actor.Holds[admin.SessionsRevoke] {
				row.Act = &pages.ConsoleAct{Label: "account.end", Action: v.here(), Value: "end " + s.ID}
			}
			list.Rows = append(list.Rows, row)
		}
		p.Lists = append(p.Lists, list)
	}
	if v.actor.Holds[admin.GrantsRead] {
		if err := h.agents(ctx, v, p, id); err != nil {
			return err
		}
		grants, err := h.Acts.Grants(ctx, v.actor, id, "", admin.Ask{})
		if err != nil {
			return err
		}
		list := pages.ConsoleList{Heading: "account.apps"}
		for _, g := range grants.Items {
			row := pages.ConsoleRow{Title: g.ClientID, Note: g.Scope, At: g.LastUsedAt, URL: h.to(appsPath, g.ClientID)}
			if v.actor.Holds[admin.GrantsRevoke] {
				row.Act = &pages.ConsoleAct{Label: "account.remove", Action: v.here(), Value: "revoke " + g.ID}
			}
			list.Rows = append(list.Rows, row)
		}
		p.Lists = append(p.Lists, list)
	}
	if !v.actor.Holds[admin.AuditRead] {
		return nil
	}
	events, err := h.Acts.Events(ctx, v.actor, admin.EventFilter{UserID: id}, admin.Ask{Limit: 20})
	if err != nil {
		return err
	}
	p.Lists = append(p.Lists, pages.ConsoleList{Heading: "console.events", Rows: h.eventRows(events.Items),
		NextURL: h.Browser.Path(eventsPath, nil) + "?person=" + id})
	return nil
}

func (h *Handler) personActs(v *visit, p *pages.Console, u admin.Person) {
	if u.Disabled {
		h.act(v, admin.PeopleWrite, &p.Acts, pages.ConsoleAct{Label: "console.enable", Value: "enable"})
	} else {
		h.act(v, admin.PeopleCredentials, &p.Acts,
			pages.ConsoleAct{Label: "console.reset_link", More: "console.reset_link_more", Value: "reset-link"})
	}
	if u.Frozen {
		h.act(v, admin.PeopleCredentials, &p.Acts, pages.ConsoleAct{Label: "console.unfreeze", More: "console.unfreeze_more", Value: "unfreeze"})
	}
	if picture.IDOf(claimsOf(u).Picture) != "" {
		h.act(v, admin.PeopleWrite, &p.Acts,
			pages.ConsoleAct{Label: "console.remove_picture", More: "console.remove_picture_more", Value: "remove-picture"})
	}
	h.act(v, admin.RolesGive, &p.Acts, pages.ConsoleAct{Label: "console.give_role", Value: "give",
		Fields: []pages.ConsoleField{{Name: "role", Label: "console.role"}}})
	h.act(v, admin.PeopleMetadata, &p.Acts, pages.ConsoleAct{Label: "console.change_metadata", More: "console.metadata_more",
		Value: "metadata " + admin.Tag(u), Fields: []pages.ConsoleField{
			{Name: "metadata", Label: "console.metadata", Value: indented(u.Metadata, "{}"), Long: true}}})
	h.act(v, admin.SessionsRevoke, &p.Acts, pages.ConsoleAct{Label: "account.end_all", More: "console.end_more", Value: "end-sessions"})
	h.act(v, admin.PeopleCredentials, &p.Acts, pages.ConsoleAct{Label: "console.reset_factors", More: "console.reset_factors_more",
		Value: "reset-factors", Danger: true})
	if !u.Disabled {
		h.act(v, admin.PeopleWrite, &p.Acts,
			pages.ConsoleAct{Label: "console.disable", More: "console.disable_more", Value: "disable", Danger: true})
	}
	if u.EraseAt.IsZero() {
		h.act(v, admin.PeopleErase, &p.Acts,
			pages.ConsoleAct{Label: "console.delete", More: "console.delete_person_more", Value: "delete", Danger: true})
	} else {
		h.act(v, admin.PeopleErase, &p.Acts, pages.ConsoleAct{Label: "console.restore", Value: "restore"})
	}
}
