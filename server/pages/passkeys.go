package pages

import "time"

// Passkeys lists them, adds, renames and removes them.
type Passkeys struct {
	Person   Person
	Passkeys []PasskeyLine
	Usable   bool   // at this address; browsers offer none at a bare IP address
	Problem  string // message id, "" = none
	Done     string
}

// PasskeyOffer offers the first one after a password.
type PasskeyOffer struct {
	App             *App
	Person          Person
	Action, Options string
	Problem         string // message id, "" = none
}

// Template of the page.
func (PasskeyOffer) Template() string { return "passkey_offer" }

// Title of the page.
func (PasskeyOffer) Title() string { return "offer.title" }
func (p PasskeyOffer) wrong() bool { return p.Problem != "" }

// PasskeyLine is one.
type PasskeyLine struct {
	ID, Name        string
	Maker           string // where the name does not say it already; "" = not known
	Synced          bool   // across the person's devices
	AddedAt, UsedAt time.Time
}

// Template of the page.
func (Passkeys) Template() string { return "passkeys" }

// Title of the page.
func (Passkeys) Title() string     { return "passkeys.title" }
func (p Passkeys) wrong() bool     { return p.Problem != "" }
func (p Passkeys) person() *Person { return &p.Person }
