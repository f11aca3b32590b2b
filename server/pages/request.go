package pages

import (
	"time"

	"signet/server/pages/acting"
)

// Requests lists what apps ask of the person who is elsewhere (CIBA Core). Outcome is "allowed", "denied", "gone", "second_step",
// "refusing", "taking" or "". Refused is since when the person refuses all of them; zero = does not.
type Requests struct {
	Person  Person
	Lines   []RequestConfirm // Action is where each is asked about
	Outcome string
	Refused time.Time
	Action  string // of the switch
}

// RequestConfirm asks what is to become of one.
type RequestConfirm struct {
	App           App
	Person        Person
	ID            string
	Message       string // that the app shows, too; "" = none
	Action        string
	NotYouURL     string
	Network       string // where the app asked from
	AskedAt       time.Time
	Fixed         []ScopeLine // "will be able to"
	Choices       []ScopeLine // "you choose"
	Before        []ScopeLine // what was allowed before, and stays: comes back with the answer
	Kept          *acting.Line
	Acts          *acting.Choice
	Details       []DetailsLine
	DetailsDigest string   // comes back with the answer
	Question      string   // … so does what it is an answer to
	Resources     []string // names of the APIs that the app says it will call
	Nothing       bool     // the answer allowed nothing: ask again
	AccountURL    string
}

// Template of the page.
func (Requests) Template() string { return "requests" }

// Title of the page.
func (Requests) Title() string { return "request.title" }
func (p Requests) wrong() bool { return p.Outcome == "gone" || p.Outcome == "second_step" }

// Bad reports whether the outcome is a problem.
func (p Requests) Bad() bool { return p.wrong() }

// Template of the page.
func (RequestConfirm) Template() string { return "request_confirm" }

// Title of the page.
func (RequestConfirm) Title() string      { return "request.page" }
func (p RequestConfirm) titleArgs() []any { return []any{"App", p.App.Name} }
