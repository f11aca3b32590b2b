package pages

// waySamples are the pages of the ways in and back.
func waySamples(shop *App, ada Person) map[string]Page {
	pictured := App{ID: "notes", Name: "Notes", Host: "notes.example", LogoURI: "/logos/notes/abc"}
	return map[string]Page{
		"consent_logo":           Consent{App: pictured, Action: "/consent?i=abc", Person: ada, Fixed: []ScopeLine{{Scope: "openid"}}},
		"sign_up_invited":        SignUp{Action: "/join", SignInURL: "/signin", MinLength: 12, Token: "abc", Email: "ada@example.org", Fixed: true, AskUsername: true},
		"terms":                  Terms{App: shop, Person: ada, Action: "/terms?i=abc", Known: true},
		"sign_up_terms":          SignUp{Action: "/signup", SignInURL: "/signin", MinLength: 12, Terms: true, Problems: []Problem{{Field: "terms", Message: "terms.missing"}}},
		"change_email":           ChangeEmail{Person: ada, Mail: true, Email: "ada@example.org"},
		"change_email_wrong":     ChangeEmail{Person: ada, Verified: true, Email: "ada@", Problems: []Problem{{Field: "username", Message: "email.invalid"}}},
		"change_email_asked":     ChangeEmail{Person: ada, Mail: true, Asked: "new@example.org"},
		"first_password":         ChangePassword{Person: ada, First: true, MinLength: 12},
		"forgot_mail":            Forgot{App: shop, Action: "/forgot?i=abc", SignInURL: "/signin?i=abc", Username: "ada@example.org"},
		"forgot_wrong":           Forgot{Action: "/forgot", SignInURL: "/signin", Problems: []Problem{{Field: "username", Message: "email.missing"}}},
		"mailbox_reset":          Mailbox{App: shop, What: "reset", Address: "ada@example.org", BackURL: "/signin"},
		"mailbox_signup":         Mailbox{What: "signup", Address: "ada@example.org", BackURL: "/signin"},
		"mailbox_address":        Mailbox{What: "address", Address: "ada@example.org", BackURL: "/account"},
		"new_password_reset":     NewPassword{What: "reset", Action: "/reset", Token: "abc", Username: "ada@example.org", MinLength: 12},
		"new_password_verify":    NewPassword{What: "verify", Action: "/verify", Token: "abc", Username: "ada@example.org", MinLength: 12, Problems: []Problem{{Field: "password", Message: "password.common"}}},
		"new_password_same":      NewPassword{What: "verify", Action: "/verify", Token: "abc", Username: "ada@example.org", MinLength: 12, SameBrowser: true, PasskeyURL: "/verify/passkey", PasskeyOptions: "/verify/passkey/options"},
		"linked_verify":          Linked{What: "verify", Action: "/verify", Token: "abc", Address: "ada@example.org"},
		"linked_notme":           Linked{What: "notme", Action: "/not-me", Token: "abc"},
		"linked_address":         Linked{What: "address", Action: "/verify-address", Token: "abc", Address: "ada@example.org"},
		"linked_undo":            Linked{What: "undo", Action: "/undo-address", Token: "abc", Address: "ada@example.org"},
		"link_done_notme":        LinkDone{What: "notme", NextURL: "/account"},
		"mailed_code":            MailedCode{App: shop, AskAction: "/signin/code", Action: "/signin/code/check", SignInURL: "/signin"},
		"mailed_code_guarded":    MailedCode{AskAction: "/signin/code", Action: "/signin/code/check", SignInURL: "/signin", Username: "ada@example.org", Problem: "signin.guarded", ForgotURL: "/forgot"},
		"mailed_code_sent":       MailedCode{AskAction: "/signin/code", Action: "/signin/code/check", SignInURL: "/signin", Username: "ada@example.org", Sent: true, Problem: "code.wrong"},
		"confirm":                Confirm{Person: ada, Action: "/signin/confirm?i=abc", Address: "ada@example.org", OtherURL: "/signin?i=abc&other=1", Problem: "confirm.unproven", ProblemArgs: map[string]string{"Name": "Google"}},
		"confirm_sent":           Confirm{App: shop, Person: ada, Action: "/signin/confirm?i=abc", Address: "ada@example.org", Sent: true, Problem: "confirm.wrong", CancelURL: "/signin?i=abc&cancel=1"},
		"confirm_upstream":       Confirm{Person: ada, Action: "/signin/confirm?i=abc", Upstreams: []Upstream{{ID: "google", Name: "Google", Mark: "google.svg", Action: "/signin/with/google?i=abc"}}, OtherURL: "/signin?i=abc&other=1"},
		"factor":                 Factor{App: shop, Person: ada, Action: "/signin/factor?i=abc", Way: "totp", TrustDays: 30, RecoveryURL: "/signin/factor?i=abc&way=recovery", LostURL: "/recover?i=abc", NotYouURL: "/signin?i=abc&other=1"},
		"factor_wrong":           Factor{Person: ada, Action: "/signin/factor?i=abc", Way: "recovery", Problem: "factor.wrong.recovery", TOTPURL: "/signin/factor?i=abc&way=totp"},
		"factor_setup":           FactorSetup{App: shop, Person: ada, Action: "/signin/factor/setup?i=abc", QR: "/signin/factor/qr?i=abc", Secret: "JBSW Y3DP EHPK 3PXP", URL: "otpauth://totp/Signet:ada?secret=JBSWY3DPEHPK3PXP", NotYouURL: "/signin?i=abc&other=1"},
		"second_step_off":        SecondStep{Person: ada},
		"second_step_add":        SecondStep{Person: ada, Problem: "factor.wrong.totp", Setup: &FactorSetup{Action: "/account/second-step/add", QR: "/account/second-step/qr", Secret: "JBSW Y3DP EHPK 3PXP", URL: "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}},
		"second_step_on":         SecondStep{Person: ada, TOTP: true, Recovery: 1, Done: "totp_removed"},
		"second_step_must":       SecondStep{Person: ada, TOTP: true, Recovery: 10, Required: true},
		"recovery_codes":         RecoveryCodes{Person: ada, Codes: []string{"JBSW Y3DP EHPK 3PXP JBSW Y3DP", "JBSW Y3DP EHPK 3PXP JBSW Y3DQ"}, NextURL: "/account/second-step"},
		"recovery_codes_sign_in": RecoveryCodes{Person: ada, NextURL: "/oauth2/continue?i=abc", InSignIn: true},
	}
}
