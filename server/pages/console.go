package pages

import (
	"encoding/base64"
	"html/template"
	"slices"
	"strings"
	"time"

	"signet/server/pages/acting"
)

// Console is one page of the administrators' console: facts, lists and acts about one thing, or a list of things.
type Console struct {
	Person  Person
	Menu    []ConsoleItem
	Heading string // a text's id
	Name    string // what the page is about, as it is called; "" = the heading says it all
	Intro   string // a text's id: what is to be done here; "" = nothing in particular
	Done    bool   // an act was just carried out
	Secret  string // what is shown once: a link or a secret of an app
	Key     string // the private key of an app, as JSON, shown once beside Secret
	KeyFile string // what a file of it is called
	Snippet string // what the app's own code needs, to copy
	Problem string // a text's id: why an act was not carried out; "" = it was
	Detail  string // what the act says about it, beside Problem
	Search  *ConsoleSearch
	Facts   []ConsoleFact
	Lists   []ConsoleList
	Acts    []ConsoleAct
	// Of a page that waits for something: where it goes by itself after some seconds ("" = nowhere), and by links.
	AgainURL, NowURL, StopURL string
}

// ConsoleItem is a line of the menu: a text's id and an address.
type ConsoleItem struct {
	Label, URL string
	Current    bool
}

// ConsoleSearch is a form that finds things: fields by their names.
type ConsoleSearch struct {
	Action string
	Fields []ConsoleField
}

// ConsoleField is one input. With Choices it is a list to choose from.
type ConsoleField struct {
	Name, Label, Value string // Label is a text's id
	Choices            []ConsoleChoice
	Optional           bool
	Long               bool   // several lines
	Secret             bool   // is not shown while it is typed, nor sent back
	Hidden             bool   // comes back as it is
	File               string // a file is chosen: of these kinds (RFC 9110 section 12.5.1), or of names that end so; "" = it is typed
	// Logo: it is a picture as settings keep it, in Value, which is shown and comes back as it is. Another one is sent as NAME_file, and
	// NAME_remove takes it away. Dark: it is for dark pages.
	Logo, Dark bool
}

// Picture is the address of a logo: the picture itself. As an image of a page it runs nothing and loads nothing, whatever it is.
func (f ConsoleField) Picture() template.URL {
	kind, body := "svg+xml", f.Value
	if raw, is := strings.CutPrefix(f.Value, "data:image/png;base64,"); is {
		png, _ := base64.StdEncoding.DecodeString(raw)
		kind, body = "png", string(png)
	}
	return template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString([]byte(body)))
}

// ConsoleChoice is one of them: what is sent, and how it is called, by a text's id where there is one.
type ConsoleChoice struct{ Value, Label string }

// ConsoleFact is a line of facts: one of text, time, or yes and no.
type ConsoleFact struct {
	Label, Value string
	Text         string // a text's id, instead of Value
	At           time.Time
	URL          string
	English      bool // Value is a sentence, in English whatever the page is in
}

// ConsoleList is a part of a page that lists things.
type ConsoleList struct {
	Heading string
	Rows    []ConsoleRow
	NextURL string
}

// ConsoleRow is one of them. Label is a text's id beside its title, Text one that stands for the title, and More one under the note, which
// may be in English whatever the page is in. Also is another act beside Act.
type ConsoleRow struct {
	Title, Note, Label, URL string
	Text, More              string
	English                 bool
	At                      time.Time
	Agent                   *acting.Line // what was agreed on with an app that acts by itself
	Act, Also               *ConsoleAct
}

// ConsoleAct is a form that does something. More says what it ends. Value is what the button sends as "what".
type ConsoleAct struct {
	Label, More, Action, Value string
	Fields                     []ConsoleField
	Danger                     bool
	Tries                      []ConsoleChoice // buttons that show in tabs of their own what would come of it: what is typed stays as it is
}

// pictures reports whether it shows pictures that are written into it.
func (p Console) pictures() bool {
	return slices.ContainsFunc(p.Acts, func(a ConsoleAct) bool {
		return slices.ContainsFunc(a.Fields, func(f ConsoleField) bool { return f.Logo && f.Value != "" })
	})
}

// Files reports whether files are sent with it.
func (a ConsoleAct) Files() bool {
	return slices.ContainsFunc(a.Fields, func(f ConsoleField) bool { return f.File != "" })
}

// Template of the page.
func (Console) Template() string { return "console" }

// KeyURL is the key as a file to keep.
func (p Console) KeyURL() template.URL {
	return template.URL("data:application/json;base64," + base64.StdEncoding.EncodeToString([]byte(p.Key)))
}

// Title of the page.
func (p Console) Title() string   { return p.Heading }
func (p Console) wrong() bool     { return p.Problem != "" }
func (p Console) person() *Person { return &p.Person }
