package pages

import (
	"strings"
	"time"
)

// consoleSamples are pages of administrators.
func consoleSamples(ada Person) map[string]Page {
	at := time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC)
	menu := []ConsoleItem{{"console.home", "/admin", false}, {"console.people", "/admin/people", true}, {"console.apps", "/admin/apps", false}}
	return map[string]Page{
		"requests_refused": Requests{Person: ada, Outcome: "refusing", Refused: at, Action: "/account/requests/refusal"},
		"sign_up_first": SignUp{Action: "/setup", MinLength: 12, Token: "abc", First: true, AskUsername: true, PasskeyURL: "/setup/passkey",
			PasskeyOptions: "/setup/passkey/options"},
		"console_first_app": Console{Person: ada, Menu: menu, Heading: "console.apps", Intro: "console.first_app"},
		"console_people": Console{Person: ada, Menu: menu, Heading: "console.people",
			Search: &ConsoleSearch{Action: "/admin/people", Fields: []ConsoleField{
				{Name: "search", Label: "console.search_people", Value: "ada", Optional: true},
				{Name: "state", Label: "console.state", Value: "unverified", Choices: []ConsoleChoice{{Label: "console.all"},
					{Value: "disabled", Label: "console.disabled"}, {Value: "unverified", Label: "account.unverified"}}},
				{Name: "group", Label: "console.group", Optional: true}, {Name: "role", Label: "console.role", Value: "admin", Optional: true},
				{Name: "since", Label: "console.created_since", Value: "2026-11-03", Optional: true}}},
			Lists: []ConsoleList{{Heading: "console.people", NextURL: "/admin/people?after=x", Rows: []ConsoleRow{
				{Title: "ada@example.org", Note: "Ada Lovelace", URL: "/admin/people/1"},
				{Title: "friederike@donaudampfschifffahrt.example", Label: "console.disabled", URL: "/admin/people/2"}}}},
			Acts: []ConsoleAct{{Label: "console.create_person", More: "console.create_person_more", Value: "create", Action: "/admin/people",
				Fields: []ConsoleField{{Name: "email", Label: "account.email"}, {Name: "name", Label: "console.name", Optional: true}}}}},
		"console_person": Console{Person: ada, Menu: menu, Heading: "console.people", Name: "Eve <b>", Done: true,
			Secret: "https://id.example/reset?t=abc",
			Facts: []ConsoleFact{{Label: "account.email", Value: "eve@example.org"}, {Label: "console.state", Text: "console.enabled"},
				{Label: "console.created", At: at}},
			Lists: []ConsoleList{{Heading: "console.roles", Rows: []ConsoleRow{{Title: "signet:support", URL: "/admin/roles/signet:support",
				Act: &ConsoleAct{Label: "account.remove", Action: "/admin/people/1", Value: "take signet:support"}}}}, {Heading: "console.events",
				Rows: []ConsoleRow{{Title: "signin.failed", Note: "203.0.113.0/24", At: at}}}, {Heading: "console.sessions"}},
			Acts: []ConsoleAct{{Label: "console.disable", More: "console.disable_more", Value: "disable", Action: "/admin/people/1", Danger: true}}},
		"console_health": Console{Person: ada, Menu: menu, Heading: "console.health", Lists: []ConsoleList{{Heading: "console.health",
			Rows: []ConsoleRow{{Text: "console.check.database", Label: "console.good", Note: "takes writes, within 2ms", English: true},
				{Text: "console.check.mail", Label: "console.problem", Note: "1 given up, 0 waiting", English: true, More: "console.fix.mail"}}}}},
		"console_app_checked": Console{Person: ada, Menu: menu, Heading: "console.apps", Name: "Shop", Done: true,
			Facts: []ConsoleFact{{Label: "console.id", Value: "shop"}},
			Lists: []ConsoleList{{Heading: "console.app_check", Rows: []ConsoleRow{
				{Title: "backchannel_client_notification_endpoint", Label: "console.problem", English: true, Note: "https://shop.example/" +
					"a/long/path/to/somewhere: its certificate is for another host. Check the name, the server and its port."},
				{Title: "secrets", Label: "console.notice", English: true, Note: "3 secrets are valid. Remove those that are not used any more."},
				{Title: "redirect_uris", Label: "console.good", English: true, Note: "https://shop.example/cb: it answers (status 400)."}}}},
			Acts: []ConsoleAct{{Label: "console.app_check", More: "console.app_check_more", Value: "check", Action: "/admin/apps/shop"}}},
		"console_first": Console{Person: ada, Menu: menu, Heading: "console.first", Name: "Shop", Intro: "console.first_waits",
			AgainURL: "/admin/apps/shop/first?looks=119", NowURL: "/admin/apps/shop/first?looks=120", StopURL: "/admin/apps/shop/first",
			Facts: []ConsoleFact{{Label: "console.issuer", Value: "https://id.example"}}},
		"console_first_refused": Console{Person: ada, Menu: menu, Heading: "console.first", Name: "Shop", Intro: "console.first_refused",
			NowURL: "/admin/apps/shop/first?looks=120", StopURL: "/admin/apps/shop/first",
			Facts: []ConsoleFact{{Label: "console.found", Value: "No address that is registered is the one that was sent.", English: true}}},
		"console_apps_wrong": Console{Person: ada, Menu: menu, Heading: "console.apps", Problem: "console.invalid",
			Detail: "redirect_uris: must be an absolute URI",
			Acts: []ConsoleAct{{Label: "console.create_app", More: "console.create_app_more", Value: "create", Action: "/admin/apps",
				Fields: []ConsoleField{{Name: "kind", Label: "console.kind", Choices: []ConsoleChoice{{"web", "console.kind_web"}, {"ES256", ""}}},
					{Name: "keys", Label: "console.app_keys", Long: true, Optional: true}}}}},
		"console_app_made": Console{Person: ada, Menu: menu, Heading: "console.apps", Done: true, Secret: "client_id=0198f3a2-1c4e",
			Key:     `{"use":"sig","kty":"EC","kid":"k1","crv":"P-256","alg":"ES256","x":"` + strings.Repeat("x", 43) + `","y":"y","d":"d"}`,
			KeyFile: "0198f3a2-1c4e.jwk", Snippet: "const url = '" + strings.Repeat("long ", 40) + "<&>'\nawait it\n",
			Facts: []ConsoleFact{{Label: "console.tokens", Text: "console.tokens_bound"}}},
	}
}

// waySamples are the pages of the ways in and back.
func waySamples(shop *App, ada Person) map[string]Page {
	pictured := App{ID: "notes", Name: "Notes", Host: "notes.example", LogoURI: "/logos/notes/abc"}
	return map[string]Page{
		"consent_logo":      Consent{App: pictured, Action: "/consent?i=abc", Person: seen(ada), Fixed: []ScopeLine{{Scope: "openid"}}},
		"device":            Device{Person: ada},
		"device_missing":    Device{Person: ada, Typed: "BCDF-GHJ", Problem: "newdevice.missing"},
		"device_throttled":  Device{Person: ada, Typed: "BCDF-GHJK", Problem: "newdevice.throttled"},
		"device_second":     Device{Person: ada, Problem: "newdevice.second_step"},
		"device_allowed":    DeviceDone{Person: ada, Allowed: true, AccountURL: "/account/apps"},
		"device_turned_off": DeviceDone{Person: ada, AccountURL: "/account/apps"},
		"device_confirm": DeviceConfirm{App: *shop, Person: ada, Code: "BCDF-GHJK", Action: "/device/decide", Near: true,
			NotYouURL: "/device/account?user_code=BCDF-GHJK", Network: "203.0.113.0/24", Agent: "curl/8.5.0",
			AskedAt: time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC), Fixed: []ScopeLine{{Scope: "openid"}},
			Choices:   []ScopeLine{{Scope: "email", Checked: true}},
			Resources: []string{"Shop API"}, AccountURL: "/account/apps"},
		"device_confirm_nothing": DeviceConfirm{App: *shop, Person: ada, Code: "BCDF-GHJK-LMNP", Action: "/device/decide",
			Network: "2001:db8::/48", AskedAt: time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC), Choices: []ScopeLine{{Scope: "email"}}, Nothing: true},
		"requests": Requests{Person: ada, Lines: []RequestConfirm{{App: *shop, Message: "W4SCT", Action: "/account/requests?request=abc",
			AskedAt: time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC)}}},
		"requests_none":    Requests{Person: ada},
		"requests_allowed": Requests{Person: ada, Outcome: "allowed"},
		"requests_denied":  Requests{Person: ada, Outcome: "denied"},
		"requests_gone":    Requests{Person: ada, Outcome: "gone"},
		"requests_second":  Requests{Person: ada, Outcome: "second_step"},
		"request_confirm": RequestConfirm{App: *shop, Person: ada, ID: "abc", Message: "W4SCT", Action: "/account/requests",
			NotYouURL: "/account/requests/account", Network: "203.0.113.0/24", AskedAt: time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC),
			Fixed: []ScopeLine{{Scope: "openid"}}, Choices: []ScopeLine{{Scope: "email", Checked: true}}, AccountURL: "/account/apps"},
		"request_confirm_nothing": RequestConfirm{App: *shop, Person: ada, ID: "abc", Action: "/account/requests", Network: "2001:db8::/48",
			AskedAt: time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC), Choices: []ScopeLine{{Scope: "email"}}, Nothing: true},
		"sign_up_invited": SignUp{Action: "/join", SignInURL: "/signin", MinLength: 12, Token: "abc", Email: "ada@example.org",
			Fixed: true, AskUsername: true},
		"terms": Terms{App: shop, Person: ada, Action: "/terms?i=abc", Known: true},
		"sign_up_terms": SignUp{Action: "/signup", SignInURL: "/signin", MinLength: 12, Terms: true,
			Problems: []Problem{{Field: "terms", Message: "terms.missing"}}},
		"change_email": ChangeEmail{Person: ada, Mail: true, Email: "ada@example.org"},
		"change_email_wrong": ChangeEmail{Person: ada, Verified: true, Email: "ada@",
			Problems: []Problem{{Field: "username", Message: "email.invalid"}}},
		"change_email_asked": ChangeEmail{Person: ada, Mail: true, Asked: "new@example.org"},
		"first_password":     ChangePassword{Person: ada, First: true, MinLength: 12},
		"forgot_mail":        Forgot{App: shop, Action: "/forgot?i=abc", SignInURL: "/signin?i=abc", Username: "ada@example.org"},
		"forgot_wrong": Forgot{Action: "/forgot", SignInURL: "/signin",
			Problems: []Problem{{Field: "username", Message: "email.missing"}}},
		"mailbox_reset": Mailbox{App: shop, What: "reset", Address: "ada@example.org", BackURL: "/signin", AgainURL: "/forgot",
			Resend: &Resend{Action: "/forgot", Fields: [][2]string{{"username", "ada@example.org"}}}},
		"mailbox_signup":  Mailbox{What: "signup", Address: "ada@example.org", BackURL: "/signin"},
		"mailbox_address": Mailbox{What: "address", Address: "ada@example.org", BackURL: "/account"},
		"mailbox_resent": Mailbox{What: "signup", Address: "ada@example.org", BackURL: "/signin", AgainURL: "/signup",
			Resend: &Resend{Action: "/signup", Done: true}},
		"new_password_reset": NewPassword{What: "reset", Action: "/reset", Token: "abc", Username: "ada@example.org", MinLength: 12},
		"new_password_verify": NewPassword{What: "verify", Action: "/verify", Token: "abc", Username: "ada@example.org", MinLength: 12,
			Problems: []Problem{{Field: "password", Message: "password.common"}}},
		"new_password_same": NewPassword{What: "verify", Action: "/verify", Token: "abc", Username: "ada@example.org", MinLength: 12,
			SameBrowser: true, PasskeyURL: "/verify/passkey", PasskeyOptions: "/verify/passkey/options"},
		"linked_verify":   Linked{What: "verify", Action: "/verify", Token: "abc", Address: "ada@example.org"},
		"linked_notme":    Linked{What: "notme", Action: "/not-me", Token: "abc"},
		"linked_address":  Linked{What: "address", Action: "/verify-address", Token: "abc", Address: "ada@example.org"},
		"linked_undo":     Linked{What: "undo", Action: "/undo-address", Token: "abc", Address: "ada@example.org"},
		"link_done_notme": LinkDone{What: "notme", NextURL: "/account"},
		"mailed_code":     MailedCode{App: shop, AskAction: "/signin/code", Action: "/signin/code/check", SignInURL: "/signin"},
		"mailed_code_guarded": MailedCode{AskAction: "/signin/code", Action: "/signin/code/check", SignInURL: "/signin",
			Username: "ada@example.org", Problem: "signin.guarded", ForgotURL: "/forgot"},
		"mailed_code_sent": MailedCode{AskAction: "/signin/code", Action: "/signin/code/check", SignInURL: "/signin",
			Username: "ada@example.org", Sent: true, Problem: "code.wrong"},
		"confirm": Confirm{Person: ada, Action: "/signin/confirm?i=abc", Address: "ada@example.org",
			OtherURL: "/signin?i=abc&other=1", Problem: "confirm.unproven", ProblemArgs: map[string]string{"Name": "Google"}},
		"confirm_sent": Confirm{App: shop, Person: ada, Action: "/signin/confirm?i=abc", Address: "ada@example.org", Sent: true,
			Problem: "confirm.wrong", CancelURL: "/signin?i=abc&cancel=1"},
		"confirm_upstream": Confirm{Person: ada, Action: "/signin/confirm?i=abc",
			Upstreams: []Upstream{{ID: "google", Name: "Google", Mark: "google.svg", Action: "/signin/with/google?i=abc"}},
			OtherURL:  "/signin?i=abc&other=1"},
		"factor": Factor{App: shop, CancelURL: "/signin?i=abc&cancel=1", Person: ada, Action: "/signin/factor?i=abc", Way: "totp", TrustDays: 30,
			RecoveryURL: "/signin/factor?i=abc&way=recovery", LostURL: "/recover?i=abc", NotYouURL: "/signin?i=abc&other=1"},
		"factor_wrong": Factor{Person: ada, Action: "/signin/factor?i=abc", Way: "recovery", Problem: "factor.wrong.recovery",
			TOTPURL: "/signin/factor?i=abc&way=totp"},
		"factor_setup": FactorSetup{App: shop, CancelURL: "/signin?i=abc&cancel=1", Person: ada, Action: "/signin/factor/setup?i=abc",
			QR:     "/signin/factor/qr?i=abc",
			Secret: "JBSW Y3DP EHPK 3PXP", URL: "otpauth://totp/Signet:ada?secret=JBSWY3DPEHPK3PXP", NotYouURL: "/signin?i=abc&other=1",
			PasskeyURL: "/signin/factor/setup/passkey?i=abc", PasskeyOptions: "/signin/factor/setup/passkey/options?i=abc"},
		"second_step_off": TwoStep{Person: ada},
		"second_step_add": TwoStep{Person: ada, Problem: "factor.wrong.totp",
			Setup: &FactorSetup{Action: "/account/second-step/add", QR: "/account/second-step/qr", Secret: "JBSW Y3DP EHPK 3PXP",
				URL: "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}},
		"second_step_on":   TwoStep{Person: ada, TOTP: true, Recovery: 1, Done: "totp_removed"},
		"second_step_must": TwoStep{Person: ada, TOTP: true, Recovery: 10, Required: true},
		"recovery_codes": RecoveryCodes{Person: ada, Codes: []string{"JBSW Y3DP EHPK 3PXP JBSW Y3DP", "JBSW Y3DP EHPK 3PXP JBSW Y3DQ"},
			NextURL: "/account/second-step"},
		"recovery_codes_sign_in": RecoveryCodes{Person: ada, NextURL: "/oauth2/continue?i=abc", InSignIn: true},
	}
}

// seen is a person with a picture.
func seen(p Person) Person {
	p.Picture = "ABCDEFGHIJKLMNOPQRSTUVWX27"
	return p
}

// pictureSamples are pages that show pictures of people, and take them.
func pictureSamples(ada Person) map[string]Page {
	return map[string]Page{
		"profile_picture":      Profile{Person: seen(ada), HasPicture: true, Upload: true, Done: "picture"},
		"profile_upload_wrong": Profile{Person: ada, Upload: true, Problems: []Problem{{Field: "file", Message: "picture.bad.bytes"}}},
		"account_picture":      Account{Person: seen(ada), Verified: true},
		"choose_picture": ChooseAccount{Action: "/choose",
			Accounts: []AccountLine{{ID: "1", Person: seen(ada), Current: true}, {ID: "2", Person: ada}}},
	}
}
