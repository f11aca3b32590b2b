package pages

import (
	"time"

	"signet/server/pages/acting"
)

// agentSamples are pages about apps that act by themselves.
func agentSamples(now time.Time, shop *App, ada Person) map[string]Page {
	return map[string]Page{
		"consent_agent": Consent{App: *shop, Action: "/consent?i=abc", Person: ada, Fixed: []ScopeLine{{Scope: "profile"}},
			Acts: &acting.Choice{Days: []int{1, 7, 30}, Calls: []int{10, 100, 0}, Day: 7, Call: 100, Paused: true}, Resources: []string{"Shop API"}},
		"consent_more": Consent{App: *shop, Action: "/consent?i=abc", Person: ada, AccountURL: "/account#apps",
			Choices: []ScopeLine{{Scope: "orders:write", Title: map[string]string{"en": "Order for you"}, Owner: "Shop API", Checked: true}},
			Before:  []ScopeLine{{Scope: "profile"}, {Scope: "email"}, {Scope: "orders:read", Owner: "Shop <b>API"}},
			Kept:    &acting.Line{Until: now.AddDate(0, 1, 0), Calls: 1000}, Resources: []string{"Shop API"}},
		"apps_agents": Apps{Person: ada, Done: "agent_pause", Agents: []AppLine{
			{App: *shop, Scopes: []ScopeLine{{Scope: "profile"}}, Resources: []string{"Shop API"}, Since: now.AddDate(0, -1, 0), LastUsed: now,
				Agent: &acting.Line{Until: now.AddDate(0, 1, 0), Calls: 1000, PassesTo: []string{"Helper", "Stock <b>"}}},
			{App: App{ID: "b", Name: "Board agent"}, Agent: &acting.Line{Until: now.AddDate(0, -1, 0), Over: true, Paused: now.AddDate(0, -2, 0)}}},
			Apps: []AppLine{{App: App{ID: "c", Name: "Notes"}}}},
	}
}
