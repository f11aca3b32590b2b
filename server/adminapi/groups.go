package adminapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/users/membership"
)

type groupIn struct {
	Named
	Body struct {
		Description string `json:"description,omitempty" maxLength:"200"`
	}
}

type roleIn struct {
	Named
	Body struct {
		Description string             `json:"description,omitempty" maxLength:"200"`
		Permissions []admin.Permission `json:"permissions,omitempty" nullable:"false" doc:"What its holders may do to this server."`
	}
}

type memberIn struct {
	Named
	Person string `path:"person" maxLength:"200"`
}

type pageIn struct {
	Named
	Paging
}

// groups adds the operations on groups and roles.
func (h *Handler) groups(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /groups", "listGroups", "List groups",
		func(ctx context.Context, a admin.Actor, in *Paging) (admin.Page[admin.Group], error) {
			return s.Groups(ctx, a, in.ask())
		})
	bodied(api, "PUT /groups/{id}", "putGroup", "Make a group, or describe the one of the name",
		func(ctx context.Context, a admin.Actor, in *groupIn) (nothing, error) {
			return nothing{}, s.PutGroup(ctx, a, in.ID, in.Body.Description)
		})
	operation(api, "DELETE /groups/{id}", "deleteGroup", "Delete a group; the people stay",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.DeleteGroup(ctx, a, in.ID)
		})
	operation(api, "GET /groups/{id}/members", "listMembers", "List the people of a group",
		func(ctx context.Context, a admin.Actor, in *pageIn) (admin.Page[admin.Person], error) {
			return s.Members(ctx, a, in.ID, in.ask())
		})
	operation(api, "PUT /groups/{id}/members/{person}", "addMember", "Put a person into a group",
		func(ctx context.Context, a admin.Actor, in *memberIn) (nothing, error) {
			return nothing{}, s.AddMember(ctx, a, in.ID, in.Person)
		})
	operation(api, "DELETE /groups/{id}/members/{person}", "removeMember", "Take a person out of a group",
		func(ctx context.Context, a admin.Actor, in *memberIn) (nothing, error) {
			return nothing{}, s.RemoveMember(ctx, a, in.ID, in.Person)
		})
	h.roles(api)
}

func (h *Handler) roles(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /roles", "listRoles", "List roles",
		func(ctx context.Context, a admin.Actor, in *Paging) (admin.Page[admin.Role], error) {
			return s.Roles(ctx, a, in.ask())
		})
	bodied(api, "PUT /roles/{id}", "putRole", "Make a role, or change the one of the name",
		func(ctx context.Context, a admin.Actor, in *roleIn) (nothing, error) {
			return nothing{}, s.PutRole(ctx, a, in.ID, in.Body.Description, in.Body.Permissions)
		})
	operation(api, "DELETE /roles/{id}", "deleteRole", "Delete a role; nobody holds it any more",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.DeleteRole(ctx, a, in.ID)
		})
	operation(api, "GET /roles/{id}/holders", "listHolders", "List who holds a role, people and then groups",
		func(ctx context.Context, a admin.Actor, in *pageIn) (admin.Holders, error) {
			return s.Holders(ctx, a, in.ID, in.ask())
		})
	type holderIn struct {
		Named
		Holder string `path:"holder" maxLength:"200"`
	}
	for kind, holder := range map[string]func(name string) membership.Holder{
		"people": func(name string) membership.Holder { return membership.Holder{UserID: name} },
		"groups": func(name string) membership.Holder { return membership.Holder{Group: name} },
	} {
		path, suffix := "/roles/{id}/holders/"+kind+"/{holder}", map[string]string{"people": "Person", "groups": "Group"}[kind]
		operation(api, "PUT "+path, "giveRoleTo"+suffix, "Let somebody hold a role",
			func(ctx context.Context, a admin.Actor, in *holderIn) (nothing, error) {
				return nothing{}, s.GiveRole(ctx, a, in.ID, holder(in.Holder))
			})
		operation(api, "DELETE "+path, "takeRoleFrom"+suffix, "End that somebody holds a role",
			func(ctx context.Context, a admin.Actor, in *holderIn) (nothing, error) {
				return nothing{}, s.TakeRole(ctx, a, in.ID, holder(in.Holder))
			})
	}
}
