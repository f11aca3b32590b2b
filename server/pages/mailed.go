package pages

// Forgot asks for the address that a link goes to; without a mail sender (Action "") it says whom to ask.
type Forgot struct {
	App               *App
	Action, SignInURL string
	Username          string
	Contact           string
	Problems          []Problem
}

// Mailbox says to look into the mailbox. What is "reset", "signup" or "address"; Address is what was typed.
type Mailbox struct {
	App           *App
	What, Address string
	BackURL       string
	AgainURL      string // the form once more: a wrong address, or no email; "" = no link
	Resend        *Resend
}

// Resend is the button that has an email sent once more: the fields of the form that asked for it, without a password. Done tells that it
// was pressed.
type Resend struct {
	Action string
	Fields [][2]string
	Done   bool
}

// NewPassword takes a password that comes with a link. What is "reset" or "verify".
type NewPassword struct {
	What, Action, Token string
	Username            string // for password managers
	MinLength           int
	Problems            []Problem
	// Where a passkey instead goes and where its script asks; "" = there are none.
	PasskeyURL, PasskeyOptions string
	// SameBrowser: the one that signed up without a password. The passkey comes first, if there are any.
	SameBrowser bool
}

// Linked asks for the click that a mailed link is about. What is "verify", "notme", "address" or "undo".
type Linked struct{ What, Action, Token, Address string }

// LinkDone says that it is done.
type LinkDone struct{ What, NextURL string }

// MailedCode asks for the address that a code goes to and, once it is Sent, for the code.
type MailedCode struct {
	App                          *App
	AskAction, Action, SignInURL string
	Username                     string
	Sent                         bool
	Problem                      string
	ForgotURL                    string // "" = not offered here
}

// Confirm asks somebody who has no factor here to confirm that it is them: by a code that is mailed to Address, or, where that is "", by
// signing in once more at an upstream. Sent: the code is on its way.
type Confirm struct {
	App                         *App
	Person                      Person
	Action, CancelURL, OtherURL string
	Address                     string
	Sent                        bool
	Problem                     string            // "confirm.wrong", "confirm.unproven"
	ProblemArgs                 map[string]string // of its texts
	Upstreams                   []Upstream
}

// Template of the page.
func (Forgot) Template() string { return "forgot" }

// Title of the page.
func (Forgot) Title() string { return "forgot.title" }
func (p Forgot) wrong() bool { return len(p.Problems) > 0 }

// Template of the page.
func (Mailbox) Template() string { return "mailbox" }

// Title of the page.
func (Mailbox) Title() string { return "mailbox.title" }

// Template of the page.
func (NewPassword) Template() string { return "new_password" }

// Title of the page.
func (p NewPassword) Title() string { return p.Text() + ".title" }
func (p NewPassword) wrong() bool   { return len(p.Problems) > 0 }

// PasskeyFirst reports whether a passkey is what is asked for, and a password the other way.
func (p NewPassword) PasskeyFirst() bool { return p.SameBrowser && p.PasskeyURL != "" }

// Text is what the keys of its texts begin with.
func (p NewPassword) Text() string {
	if p.PasskeyFirst() {
		return "newpassword.same"
	}
	return "newpassword." + p.What
}

// Template of the page.
func (Linked) Template() string { return "linked" }

// Title of the page.
func (p Linked) Title() string { return "linked." + p.What + ".title" }

// Template of the page.
func (LinkDone) Template() string { return "link_done" }

// Locked reports whether the account waits for a new password now.
func (p LinkDone) Locked() bool { return p.What == "notme" || p.What == "undo" }

// Title of the page.
func (p LinkDone) Title() string { return "linkdone." + p.What + ".title" }

// Template of the page.
func (MailedCode) Template() string { return "mailed_code" }

// Title of the page.
func (MailedCode) Title() string { return "code.title" }
func (p MailedCode) wrong() bool { return p.Problem != "" }

// Template of the page.
func (Confirm) Template() string { return "confirm" }

// Title of the page.
func (Confirm) Title() string { return "confirm.title" }
func (p Confirm) wrong() bool { return p.Problem != "" }

// ChangeEmail is the form for another address. Asked is the one that a link was sent to; Mail tells that links can be sent.
type ChangeEmail struct {
	Person         Person
	Verified, Mail bool
	Email, Asked   string
	Resend         *Resend // of what was Asked
	Problems       []Problem
}

// Template of the page.
func (ChangeEmail) Template() string { return "change_email" }

// Title of the page.
func (ChangeEmail) Title() string     { return "email.title" }
func (p ChangeEmail) wrong() bool     { return len(p.Problems) > 0 }
func (p ChangeEmail) person() *Person { return &p.Person }

// NewLabel is the message of the label of the field for a new password.
func (SignUp) NewLabel() string { return "signup.password" }

// NewLabel is the message of the label of the field for a new password.
func (ChangePassword) NewLabel() string { return "change.new" }

// NewLabel is the message of the label of the field for a new password.
func (NewPassword) NewLabel() string { return "change.new" }

// Terms asks to accept the terms of service; Known tells that the person accepted an earlier version.
type Terms struct {
	App    *App
	Person Person
	Action string
	Known  bool
}

// Template of the page.
func (Terms) Template() string { return "terms" }

// Title of the page.
func (Terms) Title() string { return "terms.title" }
