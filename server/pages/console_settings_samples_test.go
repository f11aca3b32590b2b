package pages

// settingSamples are those about sections of the configuration that the database keeps.
func settingSamples(ada Person, menu []ConsoleItem) map[string]Page {
	seen := func(act string) string { return act + " 0123456789" }
	reset := ConsoleAct{Label: "console.set_reset", More: "console.set_reset_more", Value: seen("reset"), Danger: true}
	return map[string]Page{
		"console_branding": Console{Person: ada, Menu: menu, Heading: "console.set_branding", Done: true,
			Facts: []ConsoleFact{{Label: "console.state", Text: "console.origin.database"}, {Label: "console.name", Value: "Example <Inc>"},
				{Label: "console.set_color", Value: "#8a1f5c"},
				{Label: "console.set_look", Value: "https://id.example.org/signin", URL: "/admin/settings/branding/look"}},
			Acts: []ConsoleAct{{Label: "account.change", More: "console.set_branding_more", Action: "/admin/settings/branding",
				Value: seen("change"), Fields: []ConsoleField{{Name: "name", Label: "console.name", Value: "Example <Inc>", Optional: true},
					{Name: "color", Label: "console.set_color", Value: "#8a1f5c", Optional: true},
					{Name: "logo", Label: "console.set_logo", Value: "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", Optional: true, Long: true},
					{Name: "logo_dark", Label: "console.set_logo_dark", Optional: true, Long: true},
					{Name: "links", Label: "console.set_links", Value: "Imprint https://example.org/imprint", Optional: true, Long: true}}}, reset}},
		"console_mail_server": Console{Person: ada, Menu: menu, Heading: "console.set_mail", Problem: "console.invalid",
			Detail: "host: is inside: only config.yaml can name it, or a host of egress.inner_hosts",
			Facts: []ConsoleFact{{Label: "console.state", Text: "console.origin.database"},
				{Label: "console.set_from", Value: "Example <id@example.org>"}, {Label: "console.set_host", Value: "smtp.example.org"},
				{Label: "signin.password", Text: "consent.yes"}},
			Lists: []ConsoleList{{Heading: "console.mail_test", Rows: []ConsoleRow{{Text: "console.good", English: true,
				Note: "the mail server has taken an email to ada@example.org"}}}},
			Acts: []ConsoleAct{{Label: "account.change", More: "console.set_mail_more", Action: "/admin/settings/mail", Value: seen("change"),
				Fields: []ConsoleField{{Name: "from", Label: "console.set_from", Value: "Example <id@example.org>"},
					{Name: "reply_to", Label: "console.set_reply_to", Optional: true},
					{Name: "host", Label: "console.set_host", Value: "smtp.example.org"},
					{Name: "port", Label: "console.set_port", Optional: true},
					{Name: "tls", Label: "console.set_tls", Value: "starttls", Choices: []ConsoleChoice{{Value: "starttls"}, {Value: "tls"}}},
					{Name: "username", Label: "console.set_username", Optional: true},
					{Name: "password", Label: "console.set_password_keep", Optional: true, Secret: true}}},
				{Label: "console.mail_test", Action: "/admin/settings/mail", Value: "test",
					Fields: []ConsoleField{{Name: "to", Label: "console.set_to", Value: "ada@example.org"}}}, reset}},
	}
}
