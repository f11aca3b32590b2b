package adminapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/clients"
	"signet/clients/apikey"
	"signet/internal/telemetry"
	"signet/oauth/refusal"
	"signet/server/web"
)

// keyed finds who sends a request with an API key in the place of an access token; is says whether it does. The permissions are those of
// the key that its app is registered for now.
func (h *Handler) keyed(r *http.Request, to target) (a admin.Actor, is bool, err error) {
	text, bound, err := bearer(r)
	if err != nil || bound || !apikey.Is(text) {
		return a, false, nil // caller says what is wrong
	}
	ctx := r.Context()
	k, err := h.o.APIKeys.Find(ctx, text, web.Address(r))
	var c *clients.Client
	if err == nil {
		telemetry.Add(ctx, slog.String("client_id", k.ClientID), slog.String("api_key", k.ID))
		c, err = h.o.Clients.Current(ctx, k.ClientID)
	}
	if err == nil && !c.Enabled() {
		err = clients.ErrUnknown
	}
	if errors.Is(err, apikey.ErrUnknown) || errors.Is(err, clients.ErrUnknown) {
		no := refusal.InvalidToken("The API key is wrong, was revoked or has expired, or is not for this network.").Because(err)
		return a, true, web.Challenge(no, to.metadata, to.scope)
	} else if err != nil {
		return a, true, err
	}
	return admin.Actor{Kind: admin.KindKey, ID: k.ClientID + "/" + k.ID,
		Holds: admin.Scopes(prefixed(k.Permissions)...).And(admin.Scopes(c.Scopes()...))}, true, nil
}

func prefixed(permissions []string) (scopes []string) {
	for _, p := range permissions {
		scopes = append(scopes, admin.ScopePrefix+p)
	}
	return scopes
}

type apiKeyIn struct {
	Body struct {
		ClientID    string    `json:"client_id" maxLength:"600" doc:"The app that it belongs to, which bounds what it permits."`
		Name        string    `json:"name" maxLength:"400" doc:"What it is for."`
		Permissions []string  `json:"permissions" nullable:"false" maxItems:"100" doc:"Of the scopes of the app."`
		Networks    []string  `json:"networks,omitempty" maxItems:"20" doc:"Where it is taken from, like 192.0.2.0/24; anywhere if left out."`
		ExpiresAt   time.Time `json:"expires_at" doc:"Within 365 days."`
	}
}

// apiKeyMade is a key as it is shown once.
type apiKeyMade struct {
	apikey.Key
	Secret string `json:"api_key" doc:"Shown this once."`
}

// apiKeys adds the operations on them.
func (h *Handler) apiKeys(api huma.API) {
	s := h.o.Acts
	type listed struct {
		Paging
		ClientID string `query:"client_id" maxLength:"600" doc:"Those of one app."`
	}
	operation(api, "GET /api-keys", "listApiKeys", "List the API keys of apps, without the keys themselves",
		func(ctx context.Context, a admin.Actor, in *listed) (admin.Page[apikey.Key], error) {
			return s.APIKeys(ctx, a, in.ClientID, in.ask())
		})
	bodied(api, "POST /api-keys", "createApiKey", "Make an API key; it is in the answer, this once",
		func(ctx context.Context, a admin.Actor, in *apiKeyIn) (apiKeyMade, error) {
			k, text, err := s.CreateAPIKey(ctx, a, apikey.Key{ClientID: in.Body.ClientID, Name: in.Body.Name,
				Permissions: in.Body.Permissions, Networks: in.Body.Networks, ExpiresAt: in.Body.ExpiresAt})
			return apiKeyMade{k, text}, err
		})
	operation(api, "DELETE /api-keys/{id}", "revokeApiKey", "End an API key at once",
		func(ctx context.Context, a admin.Actor, in *Named) (nothing, error) {
			return nothing{}, s.RevokeAPIKey(ctx, a, in.ID)
		})
}
