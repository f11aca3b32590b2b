package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/admin/thing"
	"signet/server"
	"signet/storage"
	"signet/users/membership"
)

func (a *app) group() *cobra.Command {
	return noun("group", "Groups of people: a claim for apps, and holders of roles",
		a.namedCreate("Create a group", "group", (*membership.Service).CreateGroup),
		kept(thing.Groups, a.namedCreate("Change a group's description", "group", (*membership.Service).DescribeGroup)),
		reads(a.namedList("group", (*membership.Service).Groups)),
		reads(a.groupShow()),
		a.groupMember("add", "Put a person into a group", (*admin.Service).AddMember),
		a.groupMember("remove", "Take a person out of a group", (*admin.Service).RemoveMember),
		kept(thing.Groups, a.namedDelete("group", "Delete a group; the people stay", (*admin.Service).DeleteGroup)))
}

func (a *app) role() *cobra.Command {
	return noun("role", "Roles: what people may do in apps; holders of the role admin are administrators",
		a.namedCreate("Create a role", "role", createRole),
		kept(thing.Roles, a.namedCreate("Change a role's description", "role", (*membership.Service).DescribeRole)),
		kept(thing.Roles, a.rolePermit()), reads(a.roleList()),
		reads(a.roleShow()),
		also("add", a.roleHolder("give", "Let a person or a group hold a role; those that ship need not be created first (role add is the same)",
			(*admin.Service).GiveRole)),
		also("remove", a.roleHolder("take", "End that a person or a group holds a role (role remove is the same)", (*admin.Service).TakeRole)),
		kept(thing.Roles, a.namedDelete("role", "Delete a role; nobody holds it any more. Those that ship with Signet stay",
			(*admin.Service).DeleteRole)))
}

// also lets a verb be called by the word that another noun has for the same.
func also(word string, c *cobra.Command) *cobra.Command {
	c.Aliases = append(c.Aliases, word)
	return c
}

// createRole makes one of the operator's own: a later release may ship more of the reserved names, with permissions.
func createRole(s *membership.Service, ctx context.Context, name, description string) error {
	if strings.HasPrefix(name, admin.ScopePrefix) {
		return fmt.Errorf("names that begin with %s are reserved; roles that ship with Signet are given without being created", admin.ScopePrefix)
	}
	return s.CreateRole(ctx, name, description)
}

// named is how a group or a role is shown.
type named struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	CreatedAt   time.Time `json:"created_at,omitzero"`
}

func namedOf(g storage.Group) named {
	return named{g.Name, g.Description, g.CreatedAt.UTC()}
}

// unnamed puts "not found" into words.
func unnamed(err error, noun, name string) error {
	switch {
	case errors.Is(err, membership.ErrNotFound), errors.Is(err, admin.ErrNotFound):
		return fmt.Errorf("%s %q: not found, or not there; see `signet %[1]s list` and `signet %[1]s show`", noun, name)
	case errors.Is(err, admin.ErrConflict):
		return conflict(err)
	case errors.Is(err, membership.ErrExists):
		return fmt.Errorf("there is a %s %q already", noun, name)
	}
	return err
}

// conflict is the error of an act that is not possible as things are, without the words for that.
func conflict(err error) error {
	if !errors.Is(err, admin.ErrConflict) {
		return err
	}
	return errors.New(strings.TrimPrefix(err.Error(), admin.ErrConflict.Error()+": "))
}

func (a *app) namedCreate(short, noun string,
	act func(s *membership.Service, ctx context.Context, name, description string) error) *cobra.Command {
	var description string
	verb := "create"
	if short[:6] == "Change" {
		verb = "describe"
	}
	c := a.verb(verb+" NAME", short, 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := act(h.Members, ctx, args[0], description); err != nil {
				return unnamed(err, noun, args[0])
			}
			return a.answer(named{Name: args[0], Description: description}, func(w io.Writer) { row(w, args[0], description) })
		})
	})
	c.Flags().StringVar(&description, "description", "", "what it is, for `people`")
	return c
}

func (a *app) namedDelete(noun, short string,
	act func(s *admin.Service, ctx context.Context, a admin.Actor, name string) error) *cobra.Command {
	var confirmed bool
	c := a.verb("delete NAME", short, 1, func(cmd *cobra.Command, args []string) error {
		if err := sure(cmd, confirmed, "who is in the "+noun+" is forgotten"); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := act(h.Admin, ctx, h.Host(operator()), args[0]); err != nil {
				return unnamed(err, noun, args[0])
			}
			return a.answer(map[string]string{"deleted": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "deleted:", args[0]) })
		})
	})
	yesFlag(c, &confirmed)
	return c
}

func (a *app) namedList(noun string,
	page func(s *membership.Service, ctx context.Context, after string, limit int) ([]storage.Group, error)) *cobra.Command {
	return a.verb("list", "List all "+noun+"s", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			rows, err := everything(func(after string) ([]storage.Group, error) { return page(h.Members, ctx, after, pageSize) },
				func(g storage.Group) string { return g.Name })
			if err != nil {
				return err
			}
			list := make([]named, len(rows))
			for i, g := range rows {
				list[i] = namedOf(g)
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "NAME", "DESCRIPTION", "CREATED")
				for _, g := range list {
					row(w, g.Name, dash(g.Description), when(g.CreatedAt))
				}
			})
		})
	})
}

func (a *app) roleList() *cobra.Command {
	return a.verb("list", "List all roles, and what each permits on this server", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list := []admin.Role{}
			for q := (admin.Ask{Limit: admin.MaxPage}); ; {
				page, err := h.Admin.Roles(ctx, h.Host(operator()), q)
				if err != nil {
					return err
				}
				list = append(list, page.Items...)
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "NAME", "DESCRIPTION", "PERMISSIONS", "CREATED")
				for _, r := range list {
					row(w, r.Name, dash(r.Description), permitted(r), when(r.CreatedAt))
				}
			})
		})
	})
}

// rolePermit says what the holders of a role of one's own may do to this server.
func (a *app) rolePermit() *cobra.Command {
	var names []string
	c := a.verb("permit NAME", "Set what a role permits on this server, instead of what it permitted before; those that ship stay", 1,
		func(cmd *cobra.Command, args []string) error {
			want := make([]admin.Permission, len(names))
			for i, name := range names {
				if want[i] = admin.Permission(strings.TrimPrefix(name, admin.ScopePrefix)); !slices.Contains(admin.All(), want[i]) {
					return usage("there is no permission %q; there are %s", name, permissionNames(admin.All()))
				}
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				r, err := a.ownRole(ctx, h, args[0])
				if err != nil {
					return err
				}
				if err := h.Admin.PutRole(ctx, h.Host(operator()), r.Name, r.Description, want); err != nil {
					return unnamed(err, "role", r.Name)
				}
				if r, err = a.ownRole(ctx, h, r.Name); err != nil {
					return err
				}
				return a.answer(r, func(w io.Writer) { row(w, r.Name, permitted(r)) })
			})
		})
	c.Flags().StringSliceVar(&names, "permission", nil, "like people:read; may be given several `NAMES`; none = it permits nothing")
	return c
}

// ownRole reads a role by its name.
func (a *app) ownRole(ctx context.Context, h *server.Services, name string) (admin.Role, error) {
	for q := (admin.Ask{Limit: admin.MaxPage}); ; {
		page, err := h.Admin.Roles(ctx, h.Host(operator()), q)
		if err != nil {
			return admin.Role{}, err
		}
		if i := slices.IndexFunc(page.Items, func(r admin.Role) bool { return r.Name == name }); i >= 0 {
			return page.Items[i], nil
		}
		if q.After = page.Next; q.After == "" {
			return admin.Role{}, unnamed(admin.ErrNotFound, "role", name)
		}
	}
}

// permitted is what a role permits, in a line.
func permitted(r admin.Role) string {
	if len(r.Permissions) == len(admin.All()) {
		return "everything"
	}
	return dash(permissionNames(r.Permissions))
}

func permissionNames(list []admin.Permission) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = string(p)
	}
	return strings.Join(texts, " ")
}

func (a *app) groupShow() *cobra.Command {
	return a.verb("show NAME", "Show who is in a group", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			there, err := h.DB.GroupExists(ctx, args[0])
			if err != nil {
				return err
			}
			if !there {
				return unnamed(membership.ErrNotFound, "group", args[0])
			}
			ids, err := everything(func(after string) ([]string, error) { return h.Members.Members(ctx, args[0], after, pageSize) },
				func(id string) string { return id })
			if err != nil {
				return err
			}
			return a.people(ctx, h, ids, nil)
		})
	})
}

// people answers with the people of the ids, and the groups beside them.
func (a *app) people(ctx context.Context, h *server.Services, ids, groups []string) error {
	list := make([]person, 0, len(ids))
	for _, id := range ids {
		u, err := h.People.Show(ctx, id)
		if err != nil {
			return err
		}
		list = append(list, personOf(u))
	}
	answer := struct {
		People []person `json:"people"`
		Groups []string `json:"groups,omitempty"`
	}{list, groups}
	return a.answer(answer, func(w io.Writer) {
		row(w, "ID", "E-MAIL", "USER NAME")
		for _, p := range list {
			row(w, p.ID, p.Email, dash(p.Username))
		}
		for _, g := range groups {
			row(w, "group", g, "-")
		}
	})
}

func (a *app) groupMember(use, short string,
	act func(s *admin.Service, ctx context.Context, a admin.Actor, group, userID string) error) *cobra.Command {
	return a.verb(use+" NAME PERSON", short, 2, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			u, err := new(who).find(ctx, h, args[1:])
			if err != nil {
				return err
			}
			if err := act(h.Admin, ctx, h.Host(operator()), args[0], u.ID); err != nil {
				return unnamed(err, "group", args[0])
			}
			return a.memberships(ctx, h, u)
		})
	})
}

// memberships answers with what a person belongs to now.
func (a *app) memberships(ctx context.Context, h *server.Services, u storage.User) error {
	p := personOf(u)
	var err error
	if p.Groups, p.Roles, err = h.Members.Of(ctx, u.ID); err != nil {
		return err
	}
	if p.Metadata, err = h.Metadata.Of(ctx, u.ID); err != nil {
		return err
	}
	linked, err := h.DB.IdentitiesOfUser(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, i := range linked {
		p.Identities = append(p.Identities, identity{i.Upstream, i.Issuer, i.Subject, i.Label, i.LastUsedAt.UTC()})
	}
	return a.answer(p, p.write)
}

func (a *app) roleShow() *cobra.Command {
	return a.verb("show NAME", "Show who holds a role", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			people, groups, err := h.Members.Holders(ctx, args[0])
			if err != nil {
				return err
			}
			return a.people(ctx, h, people, groups)
		})
	})
}

func (a *app) roleHolder(use, short string,
	act func(s *admin.Service, ctx context.Context, a admin.Actor, role string, holder membership.Holder) error) *cobra.Command {
	var group string
	c := a.verb(use+" NAME [PERSON]", short, 2, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if group != "" {
				if err := act(h.Admin, ctx, h.Host(operator()), args[0], membership.Holder{Group: group}); err != nil {
					return unnamed(err, "role", args[0])
				}
				return a.answer(map[string]string{"role": args[0], "group": group}, func(w io.Writer) { row(w, args[0], "group "+group) })
			}
			u, err := new(who).find(ctx, h, args[1:])
			if err != nil {
				return err
			}
			if err := act(h.Admin, ctx, h.Host(operator()), args[0], membership.Holder{UserID: u.ID}); err != nil {
				return unnamed(err, "role", args[0])
			}
			return a.memberships(ctx, h, u)
		})
	})
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || len(args) > 2 || (len(args) == 2) == (group != "") {
			return usage("name the role and one holder: `%s NAME PERSON` or `%[1]s NAME --group GROUP`", cmd.CommandPath())
		}
		return nil
	}
	c.Flags().StringVar(&group, "group", "", "all of this `group`, instead of PERSON")
	return c
}
