package adminapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/thing"
	"signet/audit/webhook"
)

// Endpoint is what is said of a webhook. Its name is exported for huma.
type Endpoint struct {
	URL         string   `json:"url" maxLength:"2048"`
	Description string   `json:"description,omitempty" maxLength:"200"`
	Events      []string `json:"events" nullable:"false" maxItems:"50" doc:"Names, beginnings of names with the dot at their end, or *."`
}

type webhookIn struct {
	Body struct {
		Endpoint
		Secret string `json:"secret,omitempty" maxLength:"200" doc:"whsec_ and 24 to 64 bytes in base64; one is made up if it is left out."`
	}
}

type webhookPut struct {
	Named
	Condition
	Body Endpoint
}

type replayIn struct {
	Named
	Body struct {
		Since time.Time `json:"since"`
		Until time.Time `json:"until,omitzero"`
	}
}

// webhookMade is a webhook with its secret.
type webhookMade struct {
	webhook.Webhook
	Secret string `json:"secret" doc:"Shown this once."`
}

// replayed is how much is sent again.
type replayed struct {
	Events int       `json:"events"`
	Next   time.Time `json:"next,omitzero" doc:"There may be more: go on since then."`
}

// webhooks adds the operations on them.
func (h *Handler) webhooks(api huma.API) {
	s := h.o.Acts
	operation(api, "GET /webhooks", "listWebhooks", "List endpoints of other systems that are told of events",
		func(ctx context.Context, a admin.Actor, _ *struct{}) (admin.Page[webhook.Webhook], error) {
			list, err := s.Webhooks(ctx, a)
			return admin.Page[webhook.Webhook]{Items: list}, err
		})
	bodied(api, "POST /webhooks", "createWebhook", "Tell another system of events; the secret is in the answer, this once",
		func(ctx context.Context, a admin.Actor, in *webhookIn) (webhookMade, error) {
			w, secret, err := s.CreateWebhook(ctx, a, webhook.Webhook{URL: in.Body.URL, Description: in.Body.Description, Events: in.Body.Events},
				in.Body.Secret)
			return webhookMade{w, secret}, err
		})
	operation(api, "GET /webhooks/{id}", "getWebhook", "Show a webhook",
		func(ctx context.Context, a admin.Actor, in *Named) (webhook.Webhook, error) {
			return s.Webhook(ctx, a, in.ID)
		})
	bodied(api, "PUT /webhooks/{id}", "changeWebhook", "Change a webhook",
		func(ctx context.Context, a admin.Actor, in *webhookPut) (webhook.Webhook, error) {
			match, err := in.match()
			if err != nil {
				return webhook.Webhook{}, err
			}
			return s.ChangeWebhook(ctx, a, in.ID, match, func(w *webhook.Webhook) {
				w.URL, w.Description, w.Events = in.Body.URL, in.Body.Description, in.Body.Events
			})
		})
	operation(api, "DELETE /webhooks/{id}", "deleteWebhook", "Remove a webhook; what waits for it is dropped",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.DeleteWebhook(ctx, a, in.ID)
		})
	for name, disabled := range map[string]bool{"disable": true, "enable": false} {
		operation(api, "POST /webhooks/{id}/"+name, name+"Webhook", "Stop telling a webhook, or begin again",
			func(ctx context.Context, a admin.Actor, in *Named) (webhook.Webhook, error) {
				if err := s.SetWebhookDisabled(ctx, a, in.ID, disabled); err != nil {
					return webhook.Webhook{}, err
				}
				return s.Webhook(ctx, a, in.ID)
			})
	}
	operation(api, "POST /webhooks/{id}/secrets", "rotateWebhookSecret", "Give a webhook a new secret; the one before signs as well for a day",
		func(ctx context.Context, a admin.Actor, in *Named) (webhookMade, error) {
			secret, err := s.RotateWebhookSecret(ctx, a, in.ID)
			if err != nil {
				return webhookMade{}, err
			}
			w, err := s.Webhook(ctx, a, in.ID)
			return webhookMade{w, secret}, err
		})
	operation(api, "POST /webhooks/{id}/test", "testWebhook", "Send a webhook an event that did not happen",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.TestWebhook(ctx, a, in.ID)
		})
	bodied(api, "POST /webhooks/{id}/secret-state", "webhookSecretState",
		"Say if a secret signs for a webhook, and if it is the one applied last",
		func(ctx context.Context, a admin.Actor, in *stateIn) (thing.SecretState, error) {
			return s.WebhookSecretState(ctx, a, in.ID, in.Body.Secret)
		})
	operation(api, "GET /webhooks/{id}/deliveries", "listDeliveries", "List events that wait for a webhook or were given up",
		func(ctx context.Context, a admin.Actor, in *Named) (admin.Page[webhook.Delivery], error) {
			list, err := s.WebhookDeliveries(ctx, a, in.ID)
			return admin.Page[webhook.Delivery]{Items: list}, err
		})
	operation(api, "POST /webhooks/{id}/retry", "retryWebhook", "Try what waits for a webhook, or was given up, now",
		func(ctx context.Context, a admin.Actor, in *Named) (replayed, error) {
			n, err := s.RetryWebhook(ctx, a, in.ID)
			return replayed{Events: n}, err
		})
	bodied(api, "POST /webhooks/{id}/replay", "replayWebhook", "Send a webhook again what happened in a time",
		func(ctx context.Context, a admin.Actor, in *replayIn) (replayed, error) {
			n, next, err := s.ReplayWebhook(ctx, a, in.ID, in.Body.Since, in.Body.Until)
			return replayed{n, next}, err
		})
}
