package adminapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/view"
)

type agentIn struct {
	Named
	Client string `path:"client" maxLength:"200" doc:"The client_id of the app."`
}

// agents adds the operations on what people agreed on with apps that act for them by themselves.
func (h *Handler) agents(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /people/{id}/consents", "listConsents", "List what a person allowed apps",
		func(ctx context.Context, a admin.Actor, in *struct {
			Named
			Paging
		}) (admin.Page[view.Consent], error) {
			return s.Consents(ctx, a, in.ID, in.ask())
		})
	operation(api, "DELETE /people/{id}/consents/{client}", "withdrawConsent",
		"Take back what a person allowed an app: its access ends, and it has to ask anew",
		func(ctx context.Context, a admin.Actor, in *agentIn) (nothing, error) {
			return nothing{}, s.WithdrawConsent(ctx, a, in.ID, in.Client)
		})
	operation(api, "GET /people/{id}/agents", "listAgents", "List the agents that a person allowed to act for them, and what they agreed on",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Page[view.Agent], error) {
			list, err := s.Agents(ctx, a, in.ID)
			return admin.Page[view.Agent]{Items: list}, err
		})
	operation(api, "POST /people/{id}/agents/{client}/pause", "pauseAgent", "Pause an agent of a person, until the person lets it go on",
		func(ctx context.Context, a admin.Actor, in *agentIn) (nothing, error) {
			return nothing{}, s.PauseAgent(ctx, a, in.ID, in.Client)
		})
	operation(api, "DELETE /people/{id}/agents/{client}", "removeAgent", "End all that an agent has of a person: it has to ask anew",
		func(ctx context.Context, a admin.Actor, in *agentIn) (nothing, error) {
			return nothing{}, s.RemoveAgent(ctx, a, in.ID, in.Client)
		})
}
