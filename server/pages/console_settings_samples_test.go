package pages

const sampleLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><path fill="#8a1f5c" d="M0 0h120v32H0z"/></svg>`

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
				Value: seen("change"), Tries: []ConsoleChoice{{seen("preview-light"), "console.preview_light"},
					{seen("preview-dark"), "console.preview_dark"}},
				Fields: []ConsoleField{{Name: "name", Label: "console.name", Value: "Example <Inc>", Optional: true},
					{Name: "color", Label: "console.set_color", Value: "#8a1f5c", Optional: true},
					{Name: "logo", Label: "console.set_logo", Value: sampleLogo, Logo: true, File: "image/svg+xml,image/png"},
					{Name: "logo_dark", Label: "console.set_logo_dark", Logo: true, Dark: true, File: "image/svg+xml,image/png"},
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

// importSamples are those of people who are imported.
func importSamples(ada Person, menu []ConsoleItem) map[string]Page {
	check := ConsoleAct{Label: "console.import_check", More: "console.import_check_more", Action: "/admin/import", Value: "check",
		Fields: []ConsoleField{{Name: "file", Label: "console.file", Optional: true, File: ".jsonl,application/jsonl"},
			{Name: "lines", Label: "console.import_lines", Optional: true, Long: true, Secret: true, Value: "never shown"},
			{Name: "on_conflict", Label: "console.import_conflict", Value: "update", Choices: []ConsoleChoice{
				{"skip", "console.import_skip"}, {"update", "console.import_update"}, {"fail", "console.import_fail"}}}}}
	return map[string]Page{
		"console_import": Console{Person: ada, Menu: menu, Heading: "console.import", Acts: []ConsoleAct{check}},
		"console_import_checked": Console{Person: ada, Menu: menu, Heading: "console.import", Intro: "console.import_dry",
			Facts: []ConsoleFact{{Label: "console.import.created", Value: "1"}, {Label: "console.import.updated", Value: "0"},
				{Label: "console.import.unchanged", Value: "1"}, {Label: "console.import.refused", Value: "2"}},
			Lists: []ConsoleList{
				{Heading: "console.import_refused", Rows: []ConsoleRow{
					{Title: "2 · nobody <b>", Label: "console.import.refused", Note: "email: not a valid address; write it like ada@example.com",
						English: true},
					{Title: "4", Label: "console.import.refused", Note: "cannot be read: not a JSON object; write one object a line", English: true}}},
				{Heading: "console.import_taken", Rows: []ConsoleRow{
					{Title: "1 · friederike.langername@donaudampfschifffahrt.example", Label: "console.import.created"},
					{Title: "3 · bob@example.com", Label: "console.import.unchanged", URL: "/admin/people/1"}}}},
			Acts: []ConsoleAct{{Label: "console.import", More: "console.import_more", Action: "/admin/import", Value: "import",
				Fields: []ConsoleField{{Name: "checked", Value: "c2VhbGVk", Hidden: true}}}, check}},
	}
}
