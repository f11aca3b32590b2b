package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"signet/admin"
	"signet/clients"
	"signet/clients/claimmap"
	"signet/server/pages"
)

// claimsPath ends the address of the page with the claims that an app would get about a person.
const claimsPath = "/claims"

// preview shows them.
func (h *Handler) preview(ctx context.Context, v *visit) (pages.Console, error) {
	u, err := h.Acts.Person(ctx, v.actor, v.of())
	if err != nil {
		return pages.Console{}, err
	}
	q := v.URL.Query()
	client, scope := strings.TrimSpace(q.Get("client")), strings.TrimSpace(q.Get("scope"))
	p := pages.Console{Heading: "console.preview", Name: nameOrAddress(u),
		Facts: []pages.ConsoleFact{{Label: "account.email", Value: u.Email, URL: h.to(peoplePath, u.ID)}},
		Search: &pages.ConsoleSearch{Action: v.here(), Fields: []pages.ConsoleField{
			{Name: "client", Label: "console.by_client", Value: client},
			{Name: "scope", Label: "console.scopes", Value: scope, Optional: true}}}}
	if client == "" {
		return p, nil
	}
	told, err := h.Acts.PreviewClaims(ctx, v.actor, u.ID, client, strings.Fields(scope))
	switch {
	case errors.Is(err, admin.ErrNotFound), errors.Is(err, admin.ErrInvalid):
		p.Problem, p.Detail = "console.invalid", err.Error()
		return p, nil
	case err != nil:
		return p, err
	}
	p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.id", Value: told.Subject},
		pages.ConsoleFact{Label: "console.scopes", Value: strings.Join(told.Scopes, " ")})
	list := pages.ConsoleList{Heading: "console.preview"}
	for _, place := range []struct {
		name   string
		claims map[string]any
	}{{claimmap.IDToken, told.IDToken}, {claimmap.Userinfo, told.Userinfo}, {claimmap.AccessToken, told.AccessToken}} {
		for _, claim := range slices.Sorted(maps.Keys(place.claims)) {
			raw, err := json.Marshal(place.claims[claim])
			if err != nil {
				return p, fmt.Errorf("show claims: %w", err)
			}
			list.Rows = append(list.Rows, pages.ConsoleRow{Title: place.name + ": " + claim, Note: string(raw)})
		}
	}
	p.Lists = []pages.ConsoleList{list}
	return p, nil
}

// setMetadata replaces what administrators keep about a person.
func (h *Handler) setMetadata(ctx context.Context, v *visit, match string) error {
	_, err := h.Acts.ReplaceMetadata(ctx, v.actor, v.of(), match, json.RawMessage(v.post.Get("metadata")))
	return err
}

// setClaimsMap replaces an app's map of claims.
func (h *Handler) setClaimsMap(ctx context.Context, v *visit, match string) error {
	var rules []claimmap.Rule
	d := json.NewDecoder(strings.NewReader(v.post.Get("claims_map")))
	d.DisallowUnknownFields()
	if err := d.Decode(&rules); err != nil {
		return &admin.Invalid{Fields: []admin.Field{{Name: "claims_map", Text: "must be a JSON list of rules like " +
			`[{"claim": "department", "from": "metadata.department"}]`}}}
	}
	_, err := h.Acts.ChangeClient(ctx, v.actor, v.of(), match, func(m *clients.Metadata) error {
		m.ClaimsMap = rules
		return nil
	})
	return err
}

// mapAct offers it, to who may give roles, too.
func (h *Handler) mapAct(v *visit, p *pages.Console, c admin.Client) {
	if !v.actor.Holds[admin.RolesGive] {
		return
	}
	text := indented(c.ClaimsMap, "[]")
	h.act(v, admin.ClientsWrite, &p.Acts, pages.ConsoleAct{Label: "console.change_claims_map", More: "console.claims_map_more",
		Value: "change_map " + admin.Tag(c), Fields: []pages.ConsoleField{
			{Name: "claims_map", Label: "console.claims_map", Value: text, Long: true}}})
}

// indented is JSON to read and edit.
func indented(v any, none string) string {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil || string(raw) == "null" {
		return none
	}
	return string(raw)
}
