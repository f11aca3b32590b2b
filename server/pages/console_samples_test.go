package pages

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// serverSamples are pages of administrators about the server itself, with the menu of somebody who holds every permission.
func serverSamples(ada Person) map[string]Page {
	at := time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC)
	menu := func(current string) (items []ConsoleItem) {
		for _, name := range []string{"home", "people", "groups", "roles", "apps", "apis", "events", "keys", "webhooks", "upstreams", "mail",
			"settings", "health", "proposals"} {
			items = append(items, ConsoleItem{"console." + name, "/admin/" + name, name == current})
		}
		return items
	}
	long := strings.Repeat("Friederike Donaudampfschifffahrt ", 4)
	var people []ConsoleRow
	for i := range 40 {
		people = append(people, ConsoleRow{Title: fmt.Sprintf("friederike.%d@donaudampfschifffahrt.example", i), Note: long, At: at,
			URL: "/admin/people/1", Label: "console.disabled"})
	}
	all := map[string]Page{
		"console_home": Console{Person: ada, Menu: menu("home"), Heading: "console.home", Facts: []ConsoleFact{
			{Label: "console.people", Value: "12043", URL: "/admin/people"}, {Label: "console.failures", Value: "31"},
			{Label: "console.mail", Value: "2"}}},
		"console_people_many": Console{Person: ada, Menu: menu("people"), Heading: "console.people",
			Lists: []ConsoleList{{Heading: "console.people", Rows: people, NextURL: "/admin/people?after=x"}}},
		"console_people_none": Console{Person: ada, Menu: menu("people"), Heading: "console.people",
			Search: &ConsoleSearch{Action: "/admin/people", Fields: []ConsoleField{{Name: "search", Label: "console.search_people", Value: "x"}}},
			Lists:  []ConsoleList{{Heading: "console.people"}}},
		"console_mail": Console{Person: ada, Menu: menu("mail"), Heading: "console.mail", Lists: []ConsoleList{{Heading: "console.mail",
			Rows: []ConsoleRow{{Title: "reset", At: at, Label: "console.mail_waiting", URL: "/admin/mail/1"},
				{Title: "new_device", Note: "550 5.1.1 no such mailbox", At: at, Label: "console.webhook_given_up", URL: "/admin/mail/2"}}}}},
		"console_mail_one": Console{Person: ada, Menu: menu("mail"), Heading: "console.mail", Name: "new_device", Facts: []ConsoleFact{
			{Label: "console.id", Value: "0198f3a2-1c4e-7b6a-9d2f-3e5a7c9b1d4f"}, {Label: "console.state", Text: "console.webhook_given_up"},
			{Label: "console.tries", Value: "9"}, {Label: "console.mail_expires", At: at},
			{Label: "console.mail_said", Value: "550 5.1.1 no such mailbox", English: true}},
			Acts: []ConsoleAct{{Label: "console.webhook_retry", Value: "retry", Action: "/admin/mail/2"},
				{Label: "console.mail_drop", More: "console.mail_drop_more", Value: "drop", Action: "/admin/mail/2", Danger: true}}},
		"console_settings": Console{Person: ada, Menu: menu("settings"), Heading: "console.settings",
			Lists: []ConsoleList{{Heading: "console.settings", NextURL: "/admin/settings?after=x", Rows: []ConsoleRow{
				{Title: "issuer", Note: "https://id.example.org · file /etc/signet/config.yaml", Label: "console.origin.file"},
				{Title: "mail.smtp.password", Note: "***** · environment SIGNET_MAIL_SMTP_PASSWORD", Label: "console.origin.environment"},
				{Title: "server.trusted_proxies", Note: "[]", Label: "console.origin.default"},
				{Title: "server.address", Note: ":8443 · flag --address", Label: "console.origin.flag"}}}}},
		"console_webhook": Console{Person: ada, Menu: menu("webhooks"), Heading: "console.webhooks", Name: "hooks.example",
			Secret: "whsec_c2lnbmV0IHNpZ25ldCBzaWduZXQgc2lnbmV0IHNpZ25ldCBzaWduZXQ",
			Facts: []ConsoleFact{{Label: "console.webhook_url", Value: "https://hooks.example/signet"},
				{Label: "console.webhook_failing", At: at}, {Label: "console.found", Value: "status 503", English: true}},
			Lists: []ConsoleList{{Heading: "console.webhook_waits", Rows: []ConsoleRow{{Title: "0198f3a2-1c4e-7b6a-9d2f-3e5a7c9b1d4f",
				Note: "status 503", At: at, Label: "console.webhook_given_up"}}}},
			Acts: []ConsoleAct{{Label: "console.webhook_test", More: "console.webhook_test_more", Value: "test", Action: "/admin/webhooks/1"},
				{Label: "console.delete", More: "console.webhook_delete_more", Value: "delete", Action: "/admin/webhooks/1", Danger: true}}},
		"console_key": Console{Person: ada, Menu: menu("keys"), Heading: "console.keys", Lists: []ConsoleList{{Heading: "console.keys",
			Rows: []ConsoleRow{{Title: "uEnqVYKJ1Z0hXQ2v6bGg3f0Yw0Vb6mB0m0m0m0m0m0m", Note: "ES256", At: at, Label: "console.enabled"}}}},
			Acts: []ConsoleAct{{Label: "console.rotate", More: "console.rotate_more", Value: "rotate", Action: "/admin/keys", Fields: []ConsoleField{
				{Name: "alg", Label: "console.alg", Choices: []ConsoleChoice{{"ES256", ""}, {"RS256", ""}}}}}}},
		"console_proposals": Console{Person: ada, Menu: menu("proposals"), Heading: "console.proposals", Intro: "console.proposals_more",
			Lists: []ConsoleList{{Heading: "console.proposals", Rows: []ConsoleRow{
				{Title: "bob@example.com", Note: "01J9ZQ3D5X7K8M2N4P6R8T0V1W", Label: "console.act.disable_person", At: at,
					URL: "/admin/proposals/1"},
				{Title: long, Note: "shop", Label: "console.act.enable_app", At: at, URL: "/admin/proposals/2"}}}}},
		"console_proposal": Console{Person: ada, Menu: menu("proposals"), Heading: "console.proposals", Name: "bob@example.com",
			Intro: "console.proposal_more", Facts: []ConsoleFact{{Label: "console.proposed_act", Text: "console.act.disable_person"},
				{Label: "console.proposed_for", Value: "01J9ZQ3D5X7K8M2N4P6R8T0V1W", URL: "/admin/people/1"},
				{Label: "console.proposed_by", Value: "https://editor.example/client", URL: "/admin/apps/1"},
				{Label: "console.proposed_name", Value: "Editor <Inc>"}, {Label: "console.created", At: at},
				{Label: "console.proposed_until", At: at.Add(15 * time.Minute)}},
			Acts: []ConsoleAct{{Label: "console.confirm_act", More: "console.act.disable_person.more", Action: "/admin/proposals/1",
				Value: "confirm", Danger: true}, {Label: "console.refuse_act", Action: "/admin/proposals/1", Value: "refuse"}}},
		"console_first_came": Console{Person: ada, Menu: menu("apps"), Heading: "console.first", Name: "Shop", Intro: "console.first_came",
			Facts: []ConsoleFact{{Label: "console.scopes", Value: "openid email"}, {Label: "console.created", At: at}}},
	}
	maps.Copy(all, providerSamples(ada, menu("upstreams"), at))
	maps.Copy(all, settingSamples(ada, menu("settings")))
	maps.Copy(all, importSamples(ada, menu("people")))
	return all
}

// upstreamSamples are those about providers where people sign in.
func providerSamples(ada Person, menu []ConsoleItem, at time.Time) map[string]Page {
	return map[string]Page{
		"console_upstreams": Console{Person: ada, Menu: menu, Heading: "console.upstreams",
			Lists: []ConsoleList{{Heading: "console.upstreams", Rows: []ConsoleRow{
				{Title: "Google", Note: "google · https://id.example.org/signin/with/google/callback", URL: "/admin/upstreams/google",
					Label: "console.good", At: at},
				{Title: "Example <Inc>", Note: "oidc · https://id.example.org/signin/with/work/callback", URL: "/admin/upstreams/work",
					Label: "console.problem", At: at}}}}},
		"console_upstream": Console{Person: ada, Menu: menu, Heading: "console.upstreams", Name: "Example <Inc>",
			Facts: []ConsoleFact{{Label: "console.id", Value: "work"}, {Label: "console.kind", Value: "oidc"},
				{Label: "console.upstream_redirect", Value: "https://id.example.org/signin/with/work/callback"},
				{Label: "console.upstream_succeeded", Text: "console.never"}, {Label: "console.upstream_failed", At: at},
				{Label: "console.upstream_people", Value: "1204"}, {Label: "console.upstream_only", Value: "31"},
				{Label: "console.found", Text: "console.why.down"}},
			Lists: []ConsoleList{{Heading: "console.upstream_test", Rows: []ConsoleRow{{Text: "console.problem", English: true,
				Note: "the discovery document of https://work.example is not to be had"}}}},
			Acts: []ConsoleAct{{Label: "console.upstream_test", More: "console.upstream_test_more", Value: "test", Action: "/admin/upstreams/work"},
				{Label: "console.disable", More: "console.upstream_disable_more", Value: "disable", Action: "/admin/upstreams/work",
					Danger: true},
				{Label: "console.delete", More: "console.upstream_delete_more", Value: "delete", Action: "/admin/upstreams/work", Danger: true}}},
		"console_upstream_add": Console{Person: ada, Menu: menu, Heading: "console.upstream_add", Name: "OpenID Connect",
			Facts: []ConsoleFact{{Label: "console.upstream_redirect", Value: "https://id.example.org/signin/with/login/callback"}},
			Acts: []ConsoleAct{{Label: "console.upstream_add", More: "console.upstream_add_more", Value: "create",
				Action: "/admin/upstreams/add/oidc",
				Fields: []ConsoleField{{Name: "id", Label: "console.id", Value: "login"}, {Name: "name", Label: "console.name"},
					{Name: "issuer", Label: "console.issuer"}, {Name: "client_id", Label: "console.client_id"},
					{Name: "client_secret", Label: "console.client_secret", Secret: true, Optional: true},
					{Name: "domains", Label: "console.upstream_domains", Optional: true},
					{Name: "routes", Label: "console.upstream_routes", Optional: true},
					{Name: "authoritative_for", Label: "console.upstream_authoritative", Optional: true},
					{Name: "new_accounts", Label: "console.upstream_accounts", Value: "never", Choices: []ConsoleChoice{
						{"as_signup", "console.accounts_as_signup"}, {"always", "console.accounts_always"}, {"never", "console.never"}}},
					{Name: "trust_second_factor", Label: "console.upstream_second", Choices: []ConsoleChoice{{"no", "consent.no"},
						{"yes", "consent.yes"}}},
					{Name: "profile", Label: "console.upstream_profile", Choices: []ConsoleChoice{{"first", "console.profile_first"},
						{"always", "console.accounts_always"}, {"never", "console.never"}}},
					{Name: "claims", Label: "console.upstream_claims", Optional: true, Long: true},
					{Name: "groups_claim", Label: "console.upstream_groups_claim", Optional: true},
					{Name: "groups", Label: "console.upstream_groups", Value: "admins = staff\n", Optional: true, Long: true},
					{Name: "sign_out", Label: "console.upstream_sign_out", Choices: []ConsoleChoice{{"no", "consent.no"},
						{"yes", "consent.yes"}}}}}}},
	}
}
