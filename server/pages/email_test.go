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
	"Message": "W4SCT", "Key": "abcdefghijklmnop",
	"Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Network": "192.0.2.0/24",
}

func TestEveryEmailInEveryLanguage(t *testing.T) {
	p, err := New(Options{Brand: "Signet", Host: "id.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	hole := regexp.MustCompile(`<no value>|\{\{|mail\.[a-z_]+`)
	seen := map[string]string{}
	for _, language := range append(p.Languages(), "", "fr-CA") {
		for _, kind := range mail.Kinds() {
			m, err := p.Email(mail.Email{
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

// Every kind x every field that a request can reach. The names of apps and providers are operators'; links and codes are ours.
func TestV08_NoEmailHoldsAByteOfAStranger(t *testing.T) {
	p, err := New(Options{Brand: "Signet", Host: "id.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	hostile := []string{
		"Claim your prize: https://evil.example/x", "evil.example", "www.evil", "evil。example", "evil@example.com", "//evil", "<a href=evil>",
		"Firefox/evil", "Mozilla/5.0 (evil.example; Windows NT 10.0) evil/1", "\x1b[31mevil.example", "evil.example\u202e", "fe80::1%evil",
		"192.0.2.0/24/evil",
		"2026-12-01T00:00:00Z evil", "10 evil", "totp evil", "en-x-evil", "{{.Link}}evil.example",
	}
	for _, kind := range mail.Kinds() {
		for _, bad := range hostile {
			for _, language := range []string{"en", "de", bad} {
				l := mail.Email{Kind: kind, To: bad, Name: bad + " evil.example", UserID: bad, Language: language, Code: "482913",
					Args: map[string]string{}}
				for _, arg := range []string{"Agent", "Network", "Day", "Factor", "Minutes", "Left", "Name", "Brand", "Host", "Code", "Device",
					"Moment", "Inviter"} {
					l.Args[arg] = bad
				}
				m, err := p.Email(l)
				if err != nil {
					t.Fatal(err)
				}
				for part, text := range map[string]string{"subject": m.Subject, "text": m.Text, "html": m.HTML} {
					if strings.Contains(strings.ToLower(text), "evil") {
						t.Errorf("%s: the %s holds %q", kind, part, bad)
					}
				}
			}
		}
	}
}

func TestV08_AnUnknownBrowserIsCalledSo(t *testing.T) {
	p, err := New(Options{Brand: "Signet", Host: "id.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for agent, want := range map[string]string{
		"": "with an unknown browser,", "Claim your prize: https://evil.example": "with an unknown browser,",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "with Firefox on Linux,",
		"Mozilla/5.0 (Windows NT 10.0) visit evil.example":                       "with Windows,",
	} {
		m, err := p.Email(
			mail.Email{Kind: mail.NewDevice, To: "ada@example.com", Args: map[string]string{"Agent": agent, "Network": "192.0.2.0/24"}})
		if err != nil || !strings.Contains(m.Text, want) {
			t.Errorf("%q: %v, not %q in %s", agent, err, want, m.Text)
		}
	}
}

func TestV08_NamesThatArePeoplesGreetThem(t *testing.T) {
	for _, name := range []string{"Ada", "J.R.R. Tolkien", "Ada Lovelace, Jr.", "O’Brien", "Đặng Thị Ngọc", "山田 太郎", "Dr. Müller"} {
		if got := emailName(name); got != name {
			t.Errorf("%s: greeted as %q", name, got)
		}
	}
}

func TestD06_WordsFromOutsideStayWords(t *testing.T) {
	p, err := New(Options{Brand: "Signet", Host: "id.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Email(mail.Email{
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

func TestBrandColourOfEmailsIsReadable(t *testing.T) { // WCAG 2.2 section 1.4.3
	for colour, want := range map[string]string{"#0e6150": "#0e6150", "#ffff00": "", "#888888": "", "": "", "#12": ""} {
		if got := readable(colour); got != want {
			t.Errorf("%s: got %q, want %q", colour, got, want)
		}
	}
}

// TestEmailsNameThePlace: in their language, before the network, and nothing that a mail program would make a link of.
func TestEmailsNameThePlace(t *testing.T) {
	city := "Vienna"
	p := newPages(t, Options{Where: func(address, language string) (string, string) {
		if address != "203.0.113.0/24" {
			return "", ""
		}
		return city, "Austria (" + language + ")"
	}})
	for _, tt := range [][3]string{
		{"en", "203.0.113.0/24", "from Vienna, Austria (en) (203.0.113.x)."},
		{"de", "203.0.113.0/24", "Vienna, Austria (de) (203.0.113.x)"},
		{"ar", "203.0.113.0/24", "Vienna، Austria (ar) (203.0.113.x)"},
		{"en", "192.0.2.0/24", "from 192.0.2.x."},
	} {
		e := mail.Email{Kind: mail.NewDevice, To: "ada@example.com", Language: tt[0],
			Args: map[string]string{"Agent": "curl/8", "Network": tt[1]}}
		m, err := p.Email(e)
		if err != nil || !strings.Contains(m.Text, tt[2]) || !strings.Contains(m.HTML, tt[2]) {
			t.Errorf("%v, not %q in %s", err, tt[2], m.Text)
		}
	}
	city = "evil.example"
	m, err := p.Email(mail.Email{Kind: mail.NewDevice, To: "ada@example.com",
		Args: map[string]string{"Agent": "curl/8", "Network": "203.0.113.0/24"}})
	if err != nil || strings.Contains(m.Text, city) {
		t.Errorf("%v, %s", err, m.Text)
	}
}
