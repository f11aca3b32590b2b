package console

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"signet/admin"
	"signet/clients/apikey"
	"signet/server/pages"
)

const day = 24 * time.Hour

// createKey makes an API key as the form says, to be shown once.
func (h *Handler) createKey(ctx context.Context, v *visit) error {
	days, err := strconv.Atoi(strings.TrimSpace(v.post.Get("key_days")))
	if err != nil || days < 1 || days > int(apikey.Longest/day) {
		return fmt.Errorf("%w: expires_at: a key is good for 1 to %d days", admin.ErrInvalid, apikey.Longest/day)
	}
	words := func(name string) []string { return strings.Fields(strings.ReplaceAll(v.post.Get(name), ",", " ")) }
	_, v.secret, err = h.Acts.CreateAPIKey(ctx, v.actor, apikey.Key{ClientID: v.of(), Name: v.post.Get("key_name"),
		Permissions: words("key_permissions"), Networks: words("key_networks"), ExpiresAt: time.Now().Add(time.Duration(days) * day)})
	return err
}

// keysOf lists the API keys of an app that can have some.
func (h *Handler) keysOf(ctx context.Context, v *visit, p *pages.Console, c admin.Client) error {
	if c.Declared || !strings.Contains(c.Scope, admin.ScopePrefix) {
		return nil
	}
	keys, err := h.Acts.APIKeys(ctx, v.actor, c.ClientID, admin.Ask{})
	if err != nil {
		return err
	}
	list := pages.ConsoleList{Heading: "console.api_keys"}
	for _, k := range keys.Items {
		note := k.ID + " · " + strings.Join(k.Permissions, ", ")
		if len(k.Networks) > 0 {
			note += " · " + strings.Join(k.Networks, ", ")
		}
		row := pages.ConsoleRow{Title: k.Name, Note: note, At: k.ExpiresAt}
		if v.actor.Holds[admin.ClientsSecrets] {
			row.Act = &pages.ConsoleAct{Label: "account.remove", Action: v.here(), Value: "revoke-key " + k.ID}
		}
		list.Rows = append(list.Rows, row)
	}
	p.Lists = append(p.Lists, list)
	var names []string
	for scope := range strings.FieldsSeq(c.Scope) {
		if name, ours := strings.CutPrefix(scope, admin.ScopePrefix); ours {
			names = append(names, name)
		}
	}
	h.act(v, admin.ClientsSecrets, &p.Acts, pages.ConsoleAct{Label: "console.create_key", More: "console.create_key_more", Value: "create-key",
		Fields: []pages.ConsoleField{
			{Name: "key_name", Label: "console.name"},
			{Name: "key_permissions", Label: "console.permissions", Value: strings.Join(names, ", ")},
			{Name: "key_days", Label: "console.key_days", Value: "90"},
			{Name: "key_networks", Label: "console.key_networks", Optional: true},
		}})
	return nil
}
