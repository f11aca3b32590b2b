package console

import (
	"context"
	"strings"

	"signet/admin"
	"signet/admin/thing"
	"signet/server/pages"
	"signet/users/membership"
)

// groups lists them, and makes one.
func (h *Handler) groups(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.groups"}
	if v.what() == "create" {
		return p, h.Acts.PutGroup(ctx, v.actor, v.post.Get("name"), v.post.Get("description"))
	}
	list, err := h.Acts.Groups(ctx, v.actor, v.ask())
	if err != nil {
		return p, err
	}
	rows := pages.ConsoleList{Heading: "console.groups", NextURL: h.next(v, list.Next)}
	for _, g := range list.Items {
		rows.Rows = append(rows.Rows, pages.ConsoleRow{Title: g.Name, Note: g.Description, URL: h.to(groupsPath, g.Name)})
	}
	p.Lists = append(p.Lists, rows)
	h.act(v, admin.GroupsWrite, &p.Acts, pages.ConsoleAct{Label: "console.create_group", Value: "create", Fields: named})
	return p, nil
}

// named are the fields of what has a name and a description.
var named = []pages.ConsoleField{{Name: "name", Label: "console.name"},
	{Name: "description", Label: "console.description", Optional: true}}

// group shows who is in one.
func (h *Handler) group(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.groups", Name: v.of()}
	switch act, of, _ := strings.Cut(v.what(), " "); act {
	case "add":
		u, err := h.Acts.Person(ctx, v.actor, v.post.Get("person"))
		if err != nil {
			return p, err
		}
		return p, h.Acts.AddMember(ctx, v.actor, v.of(), u.ID)
	case "remove":
		return p, h.Acts.RemoveMember(ctx, v.actor, v.of(), of)
	case "delete":
		v.next = h.Browser.Path(groupsPath, nil)
		return p, h.Acts.DeleteGroup(ctx, v.actor, v.of())
	}
	if err := h.kept(ctx, v, &p, thing.Groups, v.of()); err != nil {
		return p, err
	}
	people, err := h.Acts.Members(ctx, v.actor, v.of(), v.ask())
	if err != nil {
		return p, err
	}
	list := pages.ConsoleList{Heading: "console.members", Rows: h.personRows(people.Items), NextURL: h.next(v, people.Next)}
	if v.actor.Holds[admin.GroupsWrite] {
		for i, u := range people.Items {
			list.Rows[i].Act = &pages.ConsoleAct{Label: "account.remove", Action: v.here(), Value: "remove " + u.ID}
		}
	}
	p.Lists = append(p.Lists, list)
	h.act(v, admin.GroupsWrite, &p.Acts, pages.ConsoleAct{Label: "console.add_member", Value: "add",
		Fields: []pages.ConsoleField{{Name: "person", Label: "console.who"}}})
	h.act(v, admin.GroupsWrite, &p.Acts,
		pages.ConsoleAct{Label: "console.delete", More: "console.delete_group_more", Value: "delete", Danger: true})
	return p, nil
}

// roles lists them, and makes one.
func (h *Handler) roles(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.roles"}
	if v.what() == "create" {
		var want []admin.Permission
		for one := range strings.FieldsSeq(strings.ReplaceAll(v.post.Get("permissions"), ",", " ")) {
			want = append(want, admin.Permission(one))
		}
		return p, h.Acts.PutRole(ctx, v.actor, v.post.Get("name"), v.post.Get("description"), want)
	}
	list, err := h.Acts.Roles(ctx, v.actor, v.ask())
	if err != nil {
		return p, err
	}
	rows := pages.ConsoleList{Heading: "console.roles", NextURL: h.next(v, list.Next)}
	for _, r := range list.Items {
		var texts []string
		for _, one := range r.Permissions {
			texts = append(texts, string(one))
		}
		if r.Name == membership.Admin {
			texts = nil
		}
		rows.Rows = append(rows.Rows, pages.ConsoleRow{Title: r.Name, Note: strings.Join(texts, ", "), URL: h.to(rolesPath, r.Name)})
	}
	p.Lists = append(p.Lists, rows)
	fields := append(named[:len(named):len(named)], pages.ConsoleField{Name: "permissions", Label: "console.permissions", Optional: true})
	h.act(v, admin.RolesGive, &p.Acts, pages.ConsoleAct{Label: "console.create_role", More: "console.create_role_more", Value: "create",
		Fields: fields})
	return p, nil
}

// role shows who holds one.
func (h *Handler) role(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.roles", Name: v.of()}
	switch act, of, _ := strings.Cut(v.what(), " "); act {
	case "take":
		return p, h.Acts.TakeRole(ctx, v.actor, v.of(), membership.Holder{UserID: of})
	case "take-group":
		return p, h.Acts.TakeRole(ctx, v.actor, v.of(), membership.Holder{Group: of})
	case "give":
		return p, h.Acts.GiveRole(ctx, v.actor, v.of(), membership.Holder{Group: v.post.Get("group")})
	case "delete":
		v.next = h.Browser.Path(rolesPath, nil)
		return p, h.Acts.DeleteRole(ctx, v.actor, v.of())
	}
	if err := h.kept(ctx, v, &p, thing.Roles, v.of()); err != nil {
		return p, err
	}
	holders, err := h.Acts.Holders(ctx, v.actor, v.of(), v.ask())
	if err != nil {
		return p, err
	}
	list := pages.ConsoleList{Heading: "console.holders", NextURL: h.next(v, holders.Next)}
	for _, part := range []struct {
		act, path string
		names     []string
	}{{"take", peoplePath, holders.People}, {"take-group", groupsPath, holders.Groups}} {
		for _, name := range part.names {
			row := pages.ConsoleRow{Title: name, URL: h.to(part.path, name)}
			if v.actor.Holds[admin.RolesGive] {
				row.Act = &pages.ConsoleAct{Label: "account.remove", Action: v.here(), Value: part.act + " " + name}
			}
			list.Rows = append(list.Rows, row)
		}
	}
	p.Lists = append(p.Lists, list)
	h.act(v, admin.RolesGive, &p.Acts, pages.ConsoleAct{Label: "console.give_group", Value: "give",
		Fields: []pages.ConsoleField{{Name: "group", Label: "console.group"}}})
	h.act(v, admin.RolesGive, &p.Acts,
		pages.ConsoleAct{Label: "console.delete", More: "console.delete_role_more", Value: "delete", Danger: true})
	return p, nil
}
