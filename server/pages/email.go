package pages

import (
	"bytes"
	"fmt"
	"html"
	htmltemplate "html/template"
	"maps"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"signet/internal/mail"
	"signet/templates"
)

// emails are the templates of emails: one for all kinds, as text and as HTML.
type emails struct {
	text *template.Template
	html *htmltemplate.Template
}

func loadEmails() (emails, error) {
	text, err := template.ParseFS(templates.Files, "mail/email.txt")
	if err != nil {
		return emails{}, fmt.Errorf("parse emails: %w", err)
	}
	page, err := htmltemplate.ParseFS(templates.Files, "mail/email.html")
	if err != nil {
		return emails{}, fmt.Errorf("parse emails: %w", err)
	}
	return emails{text, page}, nil
}

// emailView is what the templates see. All of it is plain text; the HTML template escapes.
type emailView struct {
	Lang, Dir, Brand, Subject, Title, Hello, Body, Code, Link, Button, More string
	NotYouTitle, NotYou, NotMe, NotMeText, NotMeButton, When, SentBy        string
	Accent, OnAccent, AccentDark, OnAccentDark                              string
}

// The colours of an email's button; mail programs know no others than the written ones, so a brand colour is made as dark as its
// text takes to be read.
const (
	emailAccent   = "#0e6150"
	emailOnAccent = "#ffffff"
	emailDark     = "#86d0b8"
	emailOnDark   = "#06241b"
	maxWord       = 60 // code points of an outside word
)

// Email puts an email into the words of its language.
func (p *Pages) Email(l mail.Email) (mail.Message, error) {
	t := p.texts.named(l.Language)
	words := map[string]string{"Brand": p.brand, "Host": p.host, "Name": emailName(l.Name), "Code": l.Code}
	for name, value := range inWords(l.Args, t.tag) {
		if _, ours := words[name]; !ours {
			words[name] = t.emailArg(name, value, zone(l.Zone))
		}
	}
	say := func(id string) string { return t.plain(id, words) }
	part := func(name string) string {
		if id := "mail." + l.Kind + "." + name; t.known().ids[id] {
			return say(id)
		}
		return ""
	}
	v := emailView{
		Lang: t.tag, Dir: t.dir, Brand: p.brand, Subject: part("subject"), Title: part("title"), Hello: say("mail.hello_nobody"),
		Body: part("body"), Code: l.Code, Link: l.Link, Button: part("button"), More: part("more"),
		NotYouTitle: say("mail.notyou"), NotYou: part("notyou"), NotMe: l.Args["NotMe"], NotMeText: say("mail.notme"),
		NotMeButton: say("mail.notme_button"), SentBy: say("mail.sent_by"), Accent: emailAccent, OnAccent: emailOnAccent,
		AccentDark: emailDark, OnAccentDark: emailOnDark,
	}
	if v.Subject == "" || v.Body == "" {
		return mail.Message{}, fmt.Errorf("email %q in %s has no texts", l.Kind, t.tag)
	}
	if words["Name"] != "" {
		v.Hello = say("mail.hello")
	}
	words["Moment"] = plainText(t.moment(l.At.In(zone(l.Zone))))
	v.When = say("mail.when_bare")
	if words["Network"] != "" {
		words["Device"] = t.emailDevice(l.Args["Agent"])
		v.When = say("mail.when")
	}
	if p.accents.light != "" {
		v.Accent, v.AccentDark, v.OnAccentDark = p.accents.light, p.accents.dark, nightInk
	}
	var text, page bytes.Buffer
	if err := p.emails.text.Execute(&text, v); err != nil {
		return mail.Message{}, fmt.Errorf("write email %q: %w", l.Kind, err)
	}
	if err := p.emails.html.Execute(&page, v); err != nil {
		return mail.Message{}, fmt.Errorf("write email %q: %w", l.Kind, err)
	}
	return mail.Message{Subject: v.Subject, Text: text.String(), HTML: page.String()}, nil
}

// named is the language of a tag, the first where it is none of ours.
func (c *catalogue) named(tag string) *locale {
	if want, err := language.Parse(tag); err == nil {
		_, i, _ := c.matcher.Match(want)
		return &c.languages[i]
	}
	return &c.languages[0]
}

// plain gives a text without escaping: our texts of emails hold no markup.
func (l *locale) plain(id string, args map[string]string) string {
	pairs := make([]any, 0, 2*len(args))
	for name, value := range maps.All(args) {
		pairs = append(pairs, name, htmltemplate.HTML(value)) // taken as it is; the email's template escapes
	}
	return string(l.say(id, pairs...))
}

// emailArg puts an argument into words. Only the names of apps and providers, which operators register, and what a registered app shows in
// a few plain words are shown as they are; all else is of a form that has no place for words of their own (rule V08).
func (l *locale) emailArg(name, value string, zone *time.Location) string {
	switch name {
	case "App", "Provider":
		return plainWord(value)
	case "Message": // it was judged to have no links (oauth/request)
		if !linkish.MatchString(value) {
			return plainWord(value)
		}
	case "Day":
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			return plainText(l.day(at.In(zone)))
		}
	case "Factor":
		if l.known().ids["mail.factor."+value] {
			return string(l.say("mail.factor." + value))
		}
	case "Key":
		if keyID.MatchString(value) {
			return value
		}
	case "Minutes", "Left":
		if n, err := strconv.Atoi(value); err == nil {
			return strconv.Itoa(n)
		}
	case "Network":
		network, err := netip.ParsePrefix(value)
		if err != nil {
			break
		}
		if place := l.place(value); place != "" && !linkish.MatchString(place) {
			return place + " (" + shortened(network) + ")"
		}
		return shortened(network)
	}
	return ""
}

// keyID is the id of an API key.
var keyID = regexp.MustCompile(`^[a-zA-Z0-9]{1,32}$`)

// linkish is what mail programs make a link of: a scheme, or a host name. A dotted initial is none.
var linkish = regexp.MustCompile(`://|@|/|(?i:www\.)|[\pL\pN-]+[.。．｡][\pL\pM]{2}`)

// emailName is a person's name as an email greets them by it, "" if it holds a link: whoever typed it when the account was asked for
// may be another person.
func emailName(name string) string {
	if name = plainWord(name); linkish.MatchString(name) {
		return ""
	}
	return name
}

// plainWord keeps an outside word short, on one line and visible.
func plainWord(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\u200c' || r == '\u200d' { // joiners: names need them (RFC 5892 appendix A)
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > maxWord {
		return string(r[:maxWord]) + "…"
	}
	return s
}

// plainText takes our own small markup (time, bdi) off a text.
func plainText(text htmltemplate.HTML) string {
	s := string(text)
	for {
		before, rest, found := strings.Cut(s, "<")
		if !found {
			return html.UnescapeString(s)
		}
		_, after, _ := strings.Cut(rest, ">")
		s = before + after
	}
}
