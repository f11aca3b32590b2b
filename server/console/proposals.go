package console

import (
	"cmp"
	"context"
	"slices"

	"signet/admin"
	"signet/admin/proposals"
	"signet/server/pages"
)

// proposals lists the acts that MCP clients ask this administrator for.
func (h *Handler) proposals(ctx context.Context, v *visit) (pages.Console, error) {
	list, err := h.Proposals.Waiting(ctx, v.actor.ID)
	if err != nil {
		return pages.Console{}, err
	}
	rows := pages.ConsoleList{Heading: "console.proposals"}
	for _, p := range list {
		rows.Rows = append(rows.Rows, pages.ConsoleRow{Title: p.Name, Note: p.Target, Label: "console.act." + string(p.Act), At: p.MadeAt,
			URL: h.to(Proposals, p.ID)})
	}
	return pages.Console{Heading: "console.proposals", Intro: "console.proposals_more", Lists: []pages.ConsoleList{rows}}, nil
}

// proposal shows one with all that it does, and takes the decision. What is shown was read here when it was proposed, not from the client,
// and is refused where it has changed since.
func (h *Handler) proposal(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.proposals"}
	switch v.what() {
	case "confirm":
		v.next = h.Browser.Path(Proposals, nil)
		return p, h.Proposals.Confirm(ctx, v.actor, v.of())
	case "refuse":
		v.next = h.Browser.Path(Proposals, nil)
		return p, h.Proposals.Deny(ctx, v.actor, v.of())
	}
	all, err := h.Proposals.Waiting(ctx, v.actor.ID)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(all, func(one proposals.Proposal) bool { return one.ID == v.of() })
	if i < 0 {
		return p, admin.ErrNotFound
	}
	one, path := all[i], peoplePath
	if one.Act.OfApp() {
		path = appsPath
	}
	act := "console.act." + string(one.Act)
	p.Name, p.Intro = cmp.Or(one.Name, one.Target), "console.proposal_more"
	p.Facts = []pages.ConsoleFact{
		{Label: "console.proposed_act", Text: act}, {Label: "console.proposed_for", Value: one.Target, URL: h.to(path, one.Target)},
		{Label: "console.proposed_by", Value: one.ClientID, URL: h.to(appsPath, one.ClientID)},
		{Label: "console.proposed_name", Value: one.ClientName}, {Label: "console.created", At: one.MadeAt},
		{Label: "console.proposed_until", At: one.ExpiresAt},
	}
	p.Acts = []pages.ConsoleAct{
		{Label: "console.confirm_act", More: act + ".more", Action: v.here(), Value: "confirm", Danger: one.Act.Ends()},
		{Label: "console.refuse_act", Action: v.here(), Value: "refuse"},
	}
	return p, nil
}
