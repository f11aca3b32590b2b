package pages

import "time"

// upstreamSamples are the pages of signing in at upstreams.
func upstreamSamples(shop *App, ada Person) map[string]Page {
	with := func(id, name string) Upstream {
		return Upstream{id, name, id + ".svg", "/signin/with/" + id + "?i=abc"}
	}
	google, work := with("google", "Google"), Upstream{"work", "Example <Inc>", "/upstreams/work/abc", "/signin/with/work?i=abc"}
	all := []Upstream{google, with("facebook", "Facebook"), with("github", "GitHub"), with("microsoft", "Microsoft"), with("apple", "Apple"),
		work}
	day := time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC)
	return map[string]Page{
		"sign_in_upstreams": SignIn{App: shop, Action: "/signin?i=abc", ForgotURL: "/forgot?i=abc", SignUpURL: "/signup?i=abc", Upstreams: all,
			PasskeyURL: "/signin/passkey?i=abc", PasskeyOptions: "/signin/passkey/options?i=abc"},
		"sign_in_name_first": SignIn{App: shop, Action: "/signin?i=abc", ForgotURL: "/forgot?i=abc", NameFirst: true,
			PasswordURL: "/signin?i=abc&password=1", Upstreams: all[:1]},
		"sign_in_denied": SignIn{Action: "/signin", ForgotURL: "/forgot", Problem: "upstream.denied",
			ProblemArgs: map[string]string{"Name": work.Name}, Upstreams: all[5:]},
		"sign_up_upstreams": SignUp{Action: "/signup", SignInURL: "/signin", MinLength: 12, Upstreams: all[:2]},
		"connect_first": ConnectFirst{App: shop, Upstream: google, Email: "ada@example.org", SignInURL: "/signin?i=abc",
			BackURL: "/signin?i=abc"},
		"connect": Connect{App: shop, Person: ada, Upstream: google, Label: "ada@example.org", Action: "/signin/connect?i=abc&a=def"},
		"new_account": NewAccount{App: shop, Upstream: google, Action: "/signin/with/google/new?i=abc&a=def", BackURL: "/signin?i=abc",
			Name: "Ada", Email: "ada@example.org",
			AskUsername: true, EmailFixed: true, Terms: true},
		"new_account_mail": NewAccount{Upstream: all[1], Action: "/signin/with/facebook/new?a=def", BackURL: "/signin", Name: "Ada", ByMail: true,
			Problems: []Problem{{Field: "email", Message: "email.missing"}}},
		"new_account_invited": NewAccount{Upstream: google, Action: "/signin/with/google/new?a=def", BackURL: "/signin", Name: "Ada",
			Email: "ada@example.org", Invited: true},
		"sign_up_invited_upstreams": SignUp{Action: "/join", SignInURL: "/signin", MinLength: 12, Token: "abc", Email: "ada@example.org",
			Fixed: true, Upstreams: all[:2]},
		"logins": Logins{Person: ada, Add: all[1:3], Done: "login_added", Logins: []LoginLine{
			{ID: "1", Upstream: google, Label: "ada@example.org", AddedAt: day, UsedAt: day},
			{ID: "2", Upstream: Upstream{Name: "old"}, AddedAt: day, Gone: true}}},
		"logins_last": Logins{Person: ada, Problem: "logins.last",
			Logins: []LoginLine{{ID: "1", Upstream: google, Label: "ada@example.org", AddedAt: day}}},
		"deletion_waiting": DeletionStatus{Code: "abc", Upstream: "Facebook", State: "waiting", At: day},
		"deletion_unknown": DeletionStatus{Code: "abc", State: "unknown"},
	}
}
