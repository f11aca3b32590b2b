package pages

// What follows names, for each page, its template and its title's message. A page with something to complain of says so in
// its title (wrong); a page with a title that names the app gives it (titleArgs); an account page tells whose it is.

type complaining interface{ wrong() bool }
type titled interface{ titleArgs() []any }
type accountPage interface{ person() *Person }

// Template of the page.
func (SignIn) Template() string { return "sign_in" }

// Title of the page.
func (p SignIn) Title() string {
	if p.Reauth != nil {
		return "signin.again"
	}
	return "signin.title"
}
func (p SignIn) wrong() bool { return p.Problem != "" }

// Template of the page.
func (SignUp) Template() string { return "sign_up" }

// Title of the page.
func (p SignUp) Title() string {
	if p.First {
		return "firstrun.title"
	}
	return "signup.title"
}
func (p SignUp) wrong() bool { return len(p.Problems) > 0 }

// Template of the page.
func (ChooseAccount) Template() string { return "choose_account" }

// Title of the page.
func (ChooseAccount) Title() string { return "choose.title" }

// Template of the page.
func (Consent) Template() string { return "consent" }

// Title of the page.
func (Consent) Title() string      { return "consent.page" }
func (p Consent) titleArgs() []any { return []any{"App", p.App.Name} }

// Template of the page.
func (SignOut) Template() string { return "sign_out" }

// Title of the page.
func (SignOut) Title() string { return "signout.title" }

// Template of the page.
func (SignedOut) Template() string { return "signed_out" }

// Title of the page.
func (SignedOut) Title() string { return "signedout.title" }

// Template of the page.
func (SigningOut) Template() string { return "signing_out" }

// Title of the page.
func (SigningOut) Title() string { return "signingout.title" }

// Template of the page.
func (FormPost) Template() string { return "form_post" }

// Title of the page.
func (FormPost) Title() string { return "formpost.title" }

// Template of the page.
func (ChangePassword) Template() string { return "change_password" }

// Title of the page.
func (ChangePassword) Title() string     { return "change.title" }
func (p ChangePassword) wrong() bool     { return len(p.Problems) > 0 }
func (p ChangePassword) person() *Person { return &p.Person }

// Template of the page.
func (Error) Template() string { return "error" }

// Title of the page.
func (p Error) Title() string { return "error." + p.Kind + ".title" }
func (Error) wrong() bool     { return true }

// Template of the page.
func (Demo) Template() string { return "demo" }

// Title of the page.
func (Demo) Title() string { return "demo.page" }
func (p Demo) wrong() bool { return p.Error != "" }

// Template of the page.
func (DemoTokens) Template() string { return "demo_tokens" }

// Title of the page.
func (DemoTokens) Title() string   { return "demo.page" }
func (DemoTokens) person() *Person { return nil }
