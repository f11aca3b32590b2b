package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/clients"
	"signet/clients/claimmap"
	"signet/server"
	"signet/storage"
)

// mapClaim is the flag that gives an app a claim of its own.
const mapClaim = "map-claim"

func mapClaimFlag(c *cobra.Command, words *[]string) {
	c.Flags().StringArrayVar(words, mapClaim, nil,
		"claim=…,from=metadata.PATH|claims.NAME|groups|roles[,value=…][,as=text|number|bool|list|joined][,prefix=…][,values.TEXT=…][,scope=…]"+
			"[,into=id_token|userinfo|access_token]: a `claim` of its own for the app; may be repeated, \"\" takes all away")
}

// applyMapClaims replaces the map by what was named.
func applyMapClaims(cmd *cobra.Command, words []string, m *clients.Metadata) (err error) {
	if cmd.Flags().Changed(mapClaim) {
		m.ClaimsMap, err = claimRules(words)
	}
	return err
}

// claimRules reads the words of --map-claim.
func claimRules(words []string) (rules []claimmap.Rule, err error) {
	for _, word := range words {
		if word == "" {
			continue
		}
		var r claimmap.Rule
		texts := map[string]*string{"claim": &r.Claim, "from": &r.From, "value": &r.Value, "as": &r.As, "prefix": &r.Prefix, "scope": &r.Scope}
		for part := range strings.SplitSeq(word, ",") {
			name, value, _ := strings.Cut(part, "=")
			from, isValue := strings.CutPrefix(name, "values.")
			switch to := texts[name]; {
			case to != nil:
				*to = value
			case name == "into":
				r.Into = append(r.Into, value)
			case isValue && from != "":
				if r.Values == nil {
					r.Values = map[string]string{}
				}
				r.Values[from] = value
			default:
				return nil, usage("--%s %s: %q is none of claim, from, value, as, prefix, values.TEXT, scope, into", mapClaim, word, name)
			}
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// writeRules shows an app's map.
func writeRules(w io.Writer, rules []claimmap.Rule) {
	for _, r := range rules {
		parts := []string{"from=" + r.From}
		if r.From == "" {
			parts = nil
		}
		for _, one := range [][2]string{{"value", r.Value}, {"as", r.As}, {"prefix", r.Prefix}, {"scope", r.Scope},
			{"into", strings.Join(r.Into, "+")}} {
			if one[1] != "" {
				parts = append(parts, one[0]+"="+one[1])
			}
		}
		for _, from := range slices.Sorted(maps.Keys(r.Values)) {
			parts = append(parts, "values."+from+"="+r.Values[from])
		}
		row(w, "claim "+r.Claim, strings.Join(parts, " "))
	}
}

// userSetMetadata changes what administrators keep about a person.
func (a *app) userSetMetadata() *cobra.Command {
	var text string
	c := a.userVerb("set-metadata", "Set what administrators keep about a person, and apps may be told; null removes a member",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			change, err := a.object("metadata", text)
			if err != nil {
				return err
			}
			if _, err := h.Admin.SetMetadata(ctx, h.Host(operator()), u.ID, "", change); err != nil {
				return ofMetadata(err)
			}
			return a.userAgain(ctx, h, u.ID)
		})
	c.Flags().StringVar(&text, "metadata", "", "`JSON` object, or @FILE; members that it does not name stay as they are")
	_ = c.MarkFlagRequired("metadata") // the flag exists
	return c
}

// ofMetadata names the flag.
func ofMetadata(err error) error {
	if bad, ok := errors.AsType[*admin.Invalid](err); ok && len(bad.Fields) == 1 {
		return fmt.Errorf("--metadata: %s", bad.Fields[0].Text)
	}
	return err
}

// userPreviewClaims shows what an app would be told.
func (a *app) userPreviewClaims() *cobra.Command {
	var client, scope string
	c := a.userVerb("preview-claims", "Show the claims that an app would get about a person",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			p, err := h.Admin.PreviewClaims(ctx, h.Host(operator()), u.ID, client, strings.Fields(scope))
			switch {
			case errors.Is(err, clients.ErrUnknown):
				return fmt.Errorf("there is no client %q; see `signet client list`", client)
			case errors.Is(err, admin.ErrInvalid):
				return fmt.Errorf("--scope: %w", err)
			case err != nil:
				return err
			}
			return a.answer(p, func(w io.Writer) {
				row(w, "sub", dash(p.Subject))
				row(w, "scopes", dash(strings.Join(p.Scopes, " ")))
				for _, place := range []struct {
					name   string
					claims map[string]any
				}{{"ID token", p.IDToken}, {"userinfo", p.Userinfo}, {"access token", p.AccessToken}} {
					for _, claim := range slices.Sorted(maps.Keys(place.claims)) {
						row(w, place.name, claim+" = "+asJSON(place.claims[claim]))
					}
				}
			})
		})
	c.Flags().StringVar(&client, "client", "", "client `ID` of the app")
	c.Flags().StringVar(&scope, "scope", "", "`scopes` as if they were granted, separated by spaces; all that the app registered if left out")
	_ = c.MarkFlagRequired("client") // the flag exists
	return c
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
