package pages

// Factor asks for the second factor. Problem is "factor.wrong.totp", "factor.wrong.recovery", "factor.throttled".
type Factor struct {
	App        *App
	Person     Person
	Action     string // form target
	Way        string // "totp" or "recovery": what the field takes; "passkey": there is a button
	Problem    string
	RetryAfter int // seconds, for a throttled answer
	TrustDays  int // 0 = the browser cannot be trusted
	// Where the passkey goes, where its script asks, and the page that has its button; "" = the person has none.
	PasskeyURL, PasskeyOptions, PasskeyWay string
	PasskeyUnknown                         bool // the one that was shown is no account's
	// Other ways; "" = the person has none of that kind.
	TOTPURL, RecoveryURL, LostURL, NotYouURL string
	CancelURL                                string // back to the app with access_denied; "" = none
}

// FactorSetup shows the secret for an authenticator app and asks for its first code, inside a sign-in.
type FactorSetup struct {
	App                              *App
	Person                           Person
	Action, Secret, URL, QR, Problem string
	NotYouURL, CancelURL             string
	// Where a passkey instead goes and where its script asks; "" = none is offered.
	PasskeyURL, PasskeyOptions string
	PasskeyProblem             string
}

// TwoStep is the account page of two-step verification. Enrolling is nil unless a secret waits for its first code.
type TwoStep struct {
	Person   Person
	TOTP     bool
	Recovery int
	Passkeys int
	Setup    *FactorSetup
	Required bool   // by the operator: the last factor stays
	Done     string // "totp_removed"; "" = nothing
	Problem  string
}

// RecoveryCodes shows new codes, once. InSignIn: inside a sign-in, with NextURL to go on.
type RecoveryCodes struct {
	Person   Person
	Codes    []string // none: the person has some already, shown before
	NextURL  string
	InSignIn bool
}

// Template of the page.
func (Factor) Template() string { return "factor" }

// Title of the page.
func (Factor) Title() string { return "factor.title" }
func (p Factor) wrong() bool { return p.Problem != "" }

// Template of the page.
func (FactorSetup) Template() string { return "factor_setup" }

// Title of the page.
func (FactorSetup) Title() string { return "factor.setup_title" }
func (p FactorSetup) wrong() bool { return p.Problem != "" || p.PasskeyProblem != "" }

// Template of the page.
func (TwoStep) Template() string { return "second_step" }

// Title of the page.
func (TwoStep) Title() string     { return "second.title" }
func (p TwoStep) wrong() bool     { return p.Problem != "" }
func (p TwoStep) person() *Person { return &p.Person }

// Template of the page.
func (RecoveryCodes) Template() string { return "recovery_codes" }

// Title of the page.
func (RecoveryCodes) Title() string { return "codes.title" }
func (p RecoveryCodes) person() *Person {
	if p.InSignIn {
		return nil
	}
	return &p.Person
}
