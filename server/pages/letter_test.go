package pages

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"signet/internal/mail"
)

// notices are about an act; their words say how to stop it.
var everyArg = map[string]string{
	"Minutes": "10", "Factor": "totp", "Left": "2", "Day": "2026-12-01T00:00:00Z", "App": "Shop", "Provider": "Google",
	"Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Network": "192.0.2.0/24",
}

func TestEveryLetterInEveryLanguage(t *testing.T) {
	p, err := New(Options{Brand: "Signet", Host: "id.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	hole := regexp.MustCompile(`<no value>|\{\{|mail\.[a-z_]+`)
	seen := map[string]string{}
	for _, language := range append(p.Languages(), "", "fr-CA") {
		for _, kind := range mail.Kinds() {
			m, err := p.Letter(mail.Letter{
				Kind: kind, To: "ada@example.com", Name: "Ada", Language: language, Link: "https://id.example.com/x?t=abc",
				Code: "482913", Args: everyArg, At: time.Date(2026, 11, 24, 20, 14, 0, 0, time.UTC),
			})
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			for part, text := range map[string]string{"subject": m.Subject, "text": m.Text, "html": m.HTML} {
				if found := hole.FindString(text); found != "" {
					t.Errorf("%s %s %s: %q is left over", language, kind, part, found)
				}
			}
			if language == "en" || language == "de" {
				if other := seen[kind]; other == m.Subject {
					t.Errorf("%s: the same subject in two languages", kind)
				}
				seen[kind] = m.Subject
			}
			if !strings.Contains(m.Text, "2026") || !strings.Contains(m.Text, "id.example.com") || !strings.Contains(m.Text, "Firefox") {
				t.Errorf("%s: does not say when, with what, from where:\n%s", kind, m.Text)
			}
		}
	}
}

func TestD06_WordsFromOutsideStayWords(t *testing.T) {
	p, err := New(Options{Brand: "Signet", Host: "id.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Letter(mail.Letter{
		Kind: mail.TokenReuse, To: "a@x", Name: "<script>alert(1)</script>\r\nBcc: eve@example.com" + strings.Repeat("x", 300),
		Args: map[string]string{"App": "{{.Link}} <b>&\u202e", "NotMe": "https://id.example.com/not-me?t=abc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.HTML, "<script>") || strings.Contains(m.HTML, "<b>") || strings.ContainsAny(m.Subject, "\r\n") {
		t.Errorf("markup from outside:\n%s\n%s", m.Subject, m.HTML)
	}
	if strings.Contains(m.Text, "\nBcc:") || strings.Contains(m.Text, "\u202e") || len(m.Text) > 2000 {
		t.Errorf("text %q", m.Text)
	}
	if !strings.Contains(m.HTML, `href="https://id.example.com/not-me?t=abc"`) || !strings.Contains(m.Text, "not-me?t=abc") {
		t.Error("no way to stop it")
	}
}

func TestBrandColourOfLettersIsReadable(t *testing.T) { // WCAG 2.2 section 1.4.3
	for colour, want := range map[string]string{"#0e6150": "#0e6150", "#ffff00": "", "#888888": "", "": "", "#12": ""} {
		if got := readable(colour); got != want {
			t.Errorf("%s: got %q, want %q", colour, got, want)
		}
	}
}
