package pages

// apiSamples are the pages of the APIs that access tokens are for.
func apiSamples(ada Person) map[string]Page {
	menu := []ConsoleItem{{"console.home", "/admin", false}, {"console.apps", "/admin/apps", false}, {"console.apis", "/admin/apis", true}}
	const page = "/admin/apis/https:%2F%2Forders.donaudampfschifffahrt.example"
	kinds := []ConsoleChoice{{"box", "console.scope_box"}, {"required", "console.scope_required"}, {"sensitive", "console.scope_sensitive"}}
	yesNo := []ConsoleChoice{{"no", "consent.no"}, {"yes", "consent.yes"}}
	remove := func(scope string) *ConsoleAct {
		return &ConsoleAct{Label: "account.remove", Action: page, Value: "remove Yk9wZ3Vt " + scope}
	}
	return map[string]Page{
		"console_apis": Console{Person: ada, Menu: menu, Heading: "console.apis", Lists: []ConsoleList{{Heading: "console.apis",
			Rows: []ConsoleRow{
				{Title: "Orders <b>", Note: "https://orders.donaudampfschifffahrt.example/v1/europe", URL: page},
				{Title: "Bank", Note: "https://bank.example", Label: "console.declared", URL: "/admin/apis/2"},
				{Title: "Administration", Note: "https://id.example/api/admin", Label: "console.builtin", URL: "/admin/apis/3"}}}},
			Acts: []ConsoleAct{{Label: "console.create_api", More: "console.create_api_more", Value: "create", Action: "/admin/apis",
				Fields: []ConsoleField{{Name: "identifier", Label: "console.identifier"}, {Name: "name", Label: "console.name"},
					{Name: "scopes", Label: "console.scopes", Optional: true}}}}},
		"console_api": Console{Person: ada, Menu: menu, Heading: "console.apis", Name: "Orders <b>",
			Facts: []ConsoleFact{{Label: "console.identifier", Value: "https://orders.donaudampfschifffahrt.example/v1/europe"},
				{Label: "console.state", Text: "console.builtin"}, {Label: "console.introspected_by", Value: "orders-api reports"},
				{Label: "console.exchanged_by", Value: "orders-api"}, {Label: "console.api_second", Text: "consent.yes"},
				{Label: "console.api_age", Value: "300"}, {Label: "console.api_open", Text: "consent.yes"},
				{Label: "console.api_details", Value: "payment_initiation"}, {Label: "console.kept", Value: "infra"}},
			Lists: []ConsoleList{{Heading: "console.scopes", Rows: []ConsoleRow{
				{Title: "orders:read", Note: "Read your orders", Label: "console.scope_required", Act: remove("orders:read")},
				{Title: "orders:write", Note: "Make & change orders", Label: "console.scope_sensitive", Act: remove("orders:write")},
				{Title: "orders:all", Act: remove("orders:all")}}}},
			Acts: []ConsoleAct{{Label: "console.put_scope", More: "console.put_scope_more", Value: "scope Yk9wZ3Vt", Action: page,
				Fields: []ConsoleField{{Name: "scope", Label: "console.scope"}, {Name: "title", Label: "console.scope_title", Optional: true},
					{Name: "description", Label: "console.scope_description", Optional: true},
					{Name: "asking", Label: "console.scope_asking", Choices: kinds}}},
				{Label: "account.change", Value: "change Yk9wZ3Vt", Action: page, Fields: []ConsoleField{
					{Name: "name", Label: "console.name", Value: "Orders <b>"}, {Name: "introspected", Label: "console.introspected_by", Optional: true},
					{Name: "exchanged", Label: "console.exchanged_by", Optional: true},
					{Name: "second", Label: "console.api_second", Value: "yes", Choices: yesNo},
					{Name: "age", Label: "console.api_age", Value: "300", Optional: true},
					{Name: "open", Label: "console.api_open", Value: "no", Choices: yesNo}}},
				{Label: "console.delete", More: "console.delete_api_more", Value: "delete Yk9wZ3Vt", Action: page, Danger: true}}},
	}
}
