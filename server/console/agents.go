package console

import (
	"cmp"
	"context"
	"time"

	"signet/admin"
	"signet/server/pages"
	"signet/server/pages/acting"
)

// agents adds the apps that act for a person by themselves, with what they agreed on. Only the person lets one go on that is paused.
func (h *Handler) agents(ctx context.Context, v *visit, p *pages.Console, id string) error {
	agents, err := h.Acts.Agents(ctx, v.actor, id)
	if err != nil || len(agents) == 0 {
		return err
	}
	list := pages.ConsoleList{Heading: "account.agents"}
	for _, one := range agents {
		row := pages.ConsoleRow{Title: cmp.Or(one.Name, one.ClientID), Note: one.ClientID + " " + one.Scope, At: one.LastUsedAt,
			URL: h.to(appsPath, one.ClientID), Agent: &acting.Line{Until: v.visitor.Person.At(one.Until), Over: !time.Now().Before(one.Until),
				Paused: v.visitor.Person.At(one.PausedAt), Calls: int(one.Calls)}}
		if v.actor.Holds[admin.GrantsRevoke] {
			row.Act = &pages.ConsoleAct{Label: "account.remove", Action: v.here(), Value: "remove " + one.ClientID}
			if one.PausedAt.IsZero() {
				row.Also = &pages.ConsoleAct{Label: "account.agent_pause", Action: v.here(), Value: "pause " + one.ClientID}
			}
		}
		list.Rows = append(list.Rows, row)
	}
	p.Lists = append(p.Lists, list)
	return nil
}
