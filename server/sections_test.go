package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/admin"
	"signet/admin/setting"
	"signet/audit"
	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server"
	"signet/server/servertest"
)

// sections is a server with an administrator's token whose egress may reach this machine.
func sections(t *testing.T, opts ...servertest.Option) *storedWorld {
	t.Helper()
	opts = append([]servertest.Option{servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} })}, opts...)
	return &storedWorld{adminAPI: newAdminAPI(t, opts...)}
}

const mark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><defs><linearGradient id="g"/></defs>` +
	`<path fill="url(#g)" d="M0 0h9v9z"/></svg>`

// TestStoredBranding: how pages look is kept in the database, taken up by a running server, and forgotten again.
func TestStoredBranding(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := sections(t, engine)
		if now := w.want(200, "GET /settings/branding", nil); now["origin"] != "default" || now["name"] != "Signet" {
			t.Fatalf("at first: %v", now)
		}
		seen := "If-Match: " + w.etag
		next := map[string]any{"name": "Acme", "color": "#8a1f5c", "logo": mark, "links": []any{map[string]any{"title": "Imprint",
			"url": "https://acme.example/imprint"}}}
		w.want(428, "PUT /settings/branding", next)
		w.want(200, "PUT /settings/branding", next, seen)
		w.want(412, "PUT /settings/branding", next, seen)
		w.want(412, "DELETE /settings/branding", nil, seen)
		page := func() string { return w.Browser(t).Get(t, "/signin").Body }
		if strings.Contains(page(), "Acme") {
			t.Error("taken up before anybody looked")
		}
		w.watch()
		if got := page(); !strings.Contains(got, "Acme") || !strings.Contains(got, "https://acme.example/imprint") ||
			!strings.Contains(got, "/logo.svg") {
			t.Errorf("the page is not as it is kept: %s", got)
		}
		settings := w.want(200, "GET /settings?limit=200", nil)
		if raw, _ := json.Marshal(settings); !strings.Contains(string(raw), `{"key":"branding.name","origin":"database","value":"Acme"}`) {
			t.Errorf("settings do not say where the name comes from: %s", raw)
		}
		w.want(204, "DELETE /settings/branding", nil, "If-Match: *")
		w.want(404, "DELETE /settings/branding", nil, "If-Match: *")
		w.watch()
		if strings.Contains(page(), "Acme") {
			t.Error("it looks as before it was forgotten")
		}
		changed := w.named("setting.changed")
		if len(changed) != 1 || len(w.named("setting.reset")) != 1 || !strings.Contains(string(changed[0].Detail), `"field":"color"`) {
			t.Errorf("events: %v", changed)
		}
		w.want(404, "GET /settings/server", nil)
		w.want(404, "PUT /settings/server", next, "If-Match: *")
	})
}

// TestBrandingInjectsNothing: no script, no address that is not one, nothing from another host, nothing without bound.
func TestBrandingInjectsNothing(t *testing.T) {
	t.Parallel()
	w := sections(t)
	svg := func(inner string) map[string]any {
		return map[string]any{"logo": `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">` + inner + `</svg>`}
	}
	link := func(title, url string) map[string]any {
		return map[string]any{"links": []any{map[string]any{"title": title, "url": url}}}
	}
	for name, body := range map[string]map[string]any{
		"script": svg(`<script>alert(1)</script>`), "handler": svg(`<path onload="alert(1)"/>`), "foreign": svg(`<foreignObject/>`),
		"image": svg(`<image href="https://evil.example/x.png"/>`), "use": svg(`<use xlink:href="https://evil.example/x.svg#a"/>`),
		"data": svg(`<use href="data:image/svg+xml,x"/>`), "style": svg(`<style>@im<!-- -->port "https://evil.example"</style>`),
		"escape": svg(`<style>a{fill:u\72l(https://evil.example)}</style>`), "fill": svg(`<path fill="url( https://evil.example#a)"/>`),
		"animate": svg(`<animate attributeName="href" to="javascript:alert(1)"/>`), "xhtml": svg(`<a xmlns="http://www.w3.org/1999/xhtml"/>`),
		"doctype":     {"logo": `<!DOCTYPE svg [<!ENTITY x "y">]>` + mark},
		"instruction": {"logo": `<?xml-stylesheet href="https://evil.example"?>` + mark},
		"unclosed":    {"logo": "<svg>"}, "html": {"logo": "<html/>"}, "no png": {"logo": "data:image/png;base64,aGVsbG8="},
		"other data": {"logo": "data:text/html;base64,aGVsbG8="},
		"large":      {"logo": strings.Replace(mark, "M0 0", strings.Repeat("M0 0", 3000), 1)},
		"both large": {"logo": strings.Replace(mark, "M0 0", strings.Repeat("M0 0", 1600), 1), "logo_dark": strings.Replace(mark, "M0 0",
			strings.Repeat("M0 0", 1600), 1)},
		"dark alone": {"logo_dark": mark}, "color": {"color": "#12345}body{display:none"}, "short color": {"color": "red"},
		"address": link("Help", "javascript:alert(1)"), "user": link("Help", "https://a@evil.example"), "no title": link("", "https://a.example"),
		"unseen": link("He\u202elp", "https://a.example"), "filler": {"name": "\u3164"}, "blank": {"name": " "},
		"separator":  {"name": "A\u2028B"},
		"blank link": link(" ", "https://a.example"), "line": {"name": "Acme\nBcc: x"}, "long": {"name": strings.Repeat("x", 61)},
		"mail": {"name": "Acme", "host": "smtp.example.com"}, "unknown": {"css": "x"}, "other id": {"id": "mail", "name": "Acme"},
		"links": {"links": []any{1, 2}},
	} {
		if status, answer := w.call("PUT /settings/branding", body, "If-Match: *"); status != http.StatusUnprocessableEntity &&
			status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	if now := w.want(200, "GET /settings/branding", nil); now["origin"] != "default" {
		t.Errorf("something was kept: %v", now)
	}
}

// TestWhatIsKeptCanBeBuilt: a logo that is taken is shown by the running server, and by one that starts, however the file begins.
func TestWhatIsKeptCanBeBuilt(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := sections(t, engine)
		for name, logo := range map[string]string{
			"comment": "<!-- " + strings.Repeat("made by a program ", 100) + "-->" + mark,
			"blanks":  strings.Repeat("\n", 2000) + mark,
			"prefix":  `<s:svg xmlns:s="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><s:path d="M0 0h9v9z"/></s:svg>`,
		} {
			w.want(200, "PUT /settings/branding", map[string]any{"name": name, "logo": logo}, "If-Match: *")
			w.watch()
			if got := w.Browser(t).Get(t, "/signin").Body; !strings.Contains(got, "/logo.svg") || !strings.Contains(got, name) {
				t.Errorf("%s: it is not shown", name)
			}
		}
	})
}

// TestLogosAreDrawnSoon: references draw an element again and again, until no browser shows the page of whoever signs in.
func TestLogosAreDrawnSoon(t *testing.T) {
	t.Parallel()
	w := sections(t)
	svg := func(inner string) string { return `<svg xmlns="http://www.w3.org/2000/svg">` + inner + `</svg>` }
	levels := func(tag, style, one string) string {
		var text strings.Builder
		text.WriteString(`<` + tag + ` id="a0"><path d="M0 0h1v1z"/></` + tag + `>`)
		for i := 1; i < 12; i++ {
			n := strconv.Itoa(i - 1)
			again := strings.Repeat(strings.ReplaceAll(one, "N", n), 10)
			text.WriteString(`<` + tag + ` id="a` + strconv.Itoa(i) + `">` + again + `</` + tag + `>`)
			style = strings.Replace(style, "}", ".c"+n+"{fill:url( '#a"+n+"')}}", 1)
		}
		return svg(strings.TrimSuffix(style, "}") + text.String())
	}
	closed := levels("pattern", "<style>}", `<rect class="cN"/>`)
	for name, logo := range map[string]string{
		"use": levels("g", "", `<use href="#aN"/>`), "pattern": levels("pattern", "", `<rect fill="url(#aN)"/>`),
		"percent": levels("g", "", `<use href="#%61N"/>`),
		"style":   levels("mask", "", `<g style="mask:url( '#aN')"/>`), "itself": svg(`<g id="a"><use href="#a"/></g>`),
		"sheet": strings.Replace(closed, "<pattern", "</style><pattern", 1), "marker": svg(`<marker id="m"/>`),
	} {
		if status, answer := w.call("PUT /settings/branding", map[string]any{"logo": logo}, "If-Match: *"); status != 422 {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	for _, logo := range []string{mark, svg(`<defs><path id="a" d="M0 0h9"/><linearGradient id="g"><stop/><stop/></linearGradient></defs>` +
		`<style>.a{fill:url(#g)}.b{fill:url("#g")}</style>` + strings.Repeat(`<use href="#a" class="a"/>`, 100))} {
		w.want(200, "PUT /settings/branding", map[string]any{"logo": logo, "name": "می\u200cخواهم"}, "If-Match: *")
	}
	w.want(422, "PUT /settings/branding", map[string]any{"logo": "<svg/>"}, "If-Match: *") // no browser shows it
}

// TestPicturesAreWhole: of a PNG that was cut off, or has something after it, nothing is kept.
func TestPicturesAreWhole(t *testing.T) {
	t.Parallel()
	w := sections(t)
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewNRGBA(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	whole := drawn.Bytes()
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-20] ^= 1
	logo := func(file []byte) map[string]any {
		return map[string]any{"logo": "data:image/png;base64," + base64.StdEncoding.EncodeToString(file)}
	}
	for name, file := range map[string][]byte{"cut": whole[:len(whole)-1], "end": whole[:len(whole)-12], "head": whole[:33],
		"more": append(bytes.Clone(whole), "<script>"...), "damaged": damaged,
		"no picture": append(bytes.Clone(whole[:33]), whole[len(whole)-12:]...)} {
		if status, answer := w.call("PUT /settings/branding", logo(file), "If-Match: *"); status != 422 {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	w.want(200, "PUT /settings/branding", logo(whole), "If-Match: *")
	w.watch()
	if !strings.Contains(w.Browser(t).Get(t, "/signin").Body, "/logo.png") {
		t.Error("it is not shown")
	}
}

// TestDeclaredSettingsWin: what config.yaml says of a section is read-only, and counts although something is kept.
func TestDeclaredSettingsWin(t *testing.T) {
	t.Parallel()
	w := sections(t, servertest.Change(func(c *config.Config) { c.Branding.Color = "#1f6f54" }), servertest.Mail(mailtest.Start(t)))
	for _, id := range []string{"branding", "mail"} {
		if now := w.want(200, "GET /settings/"+id, nil); now["origin"] != "declared" {
			t.Errorf("%v", now)
		}
		w.want(409, "PUT /settings/"+id, map[string]any{}, "If-Match: *")
		w.want(409, "DELETE /settings/"+id, nil, "If-Match: *")
	}
	if _, err := w.Services().DB.InsertSetting(t.Context(), "branding", []byte(`{"id":"branding","name":"Acme"}`), nil); err != nil {
		t.Fatal(err)
	}
	w.watch()
	if strings.Contains(w.Browser(t).Get(t, "/signin").Body, "Acme") {
		t.Error("what is kept counts before what is declared")
	}
}

// TestStoredMail: emails go by the server that is kept, its password is never told, and goes to no other server.
func TestStoredMail(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w, box := sections(t, engine), mailtest.Start(t)
		next := map[string]any{"from": "Acme <id@acme.example>", "host": box.Host, "port": box.Port, "tls": "none"}
		w.want(200, "PUT /settings/mail", next, "If-Match: *")
		if w.Services().Outbox != nil {
			t.Fatal("there is mail already")
		}
		w.watch()
		test := w.want(200, "POST /settings/mail/test", map[string]any{"to": "ada@acme.example", "language": "de"})
		if raw, _ := json.Marshal(test); !strings.Contains(string(raw), `"state":"good"`) {
			t.Fatalf("the test: %s", raw)
		}
		if m := box.Wait(t, "ada@acme.example"); !strings.Contains(m.From, "id@acme.example") {
			t.Errorf("sent by %s", m.From)
		}
		w.want(422, "POST /settings/mail/test", map[string]any{"to": "ada@acme.example\r\nRCPT"})
		w.want(404, "POST /settings/branding/test", map[string]any{"to": "ada@acme.example"})
		if !strings.Contains(w.Browser(t).Get(t, "/forgot").Body, `id="forgot-submit"`) {
			t.Error("nobody can have a link mailed")
		}

		next = map[string]any{"from": "id@acme.example", "host": "smtp.example.com", "username": "u", "password": "hush hush"}
		w.want(200, "PUT /settings/mail", next, "If-Match: *")
		delete(next, "password")
		next["from"] = "other@acme.example"
		w.want(200, "PUT /settings/mail", next, "If-Match: *")
		kept, err := w.Services().Settings.KeptSection(t.Context(), setting.Mail)
		if err != nil || kept.Password != "hush hush" || kept.From != "other@acme.example" {
			t.Errorf("the password did not stay: %v %q", err, kept.Password)
		}
		for field, value := range map[string]any{"host": "smtp.evil.example", "port": 2525, "tls": "tls", "username": "v"} {
			was, is := next[field]
			next[field] = value
			w.want(422, "PUT /settings/mail", next, "If-Match: *") // it wants the password anew
			if delete(next, field); is {
				next[field] = was
			}
		}
		now, _ := json.Marshal(w.want(200, "GET /settings/mail", nil))
		all, _ := json.Marshal(w.want(200, "GET /settings?limit=200", nil))
		for _, e := range w.named("setting.changed") {
			now = append(now, e.Detail...)
		}
		if strings.Contains(string(now)+string(all), "hush") || !strings.Contains(string(now), `"password_set":true`) {
			t.Errorf("%s %s", now, all)
		}
		w.want(204, "DELETE /settings/mail", nil, "If-Match: *")
	})
}

// TestStoredMailReachesNothingInside: an address inside cannot be named, nor dialled by a name that leads there.
func TestStoredMailReachesNothingInside(t *testing.T) {
	t.Parallel()
	box := mailtest.Start(t)
	w := &storedWorld{adminAPI: newAdminAPI(t)}
	for _, bad := range []map[string]any{
		{"host": box.Host, "port": box.Port, "tls": "none"}, {"host": "127.0.0.1"}, {"host": "localhost"}, {"host": "10.0.0.7"},
		{"host": "169.254.169.254"}, {"host": "[::1]"}, {"host": "::1"}, {"host": "smtp.example.com", "port": 22},
		{"host": "smtp.example.com", "tls": "none"}, {"host": "smtp.example.com:25"}, {"host": "a b"}, {"host": "", "name": "x"},
		{"host": "smtp.example.com", "username": "u"}, {"host": "smtp.example.com", "from": "no address"},
		{"host": "smtp.example.com", "from": "a@b.example\r\nBcc: c@d.example"}, {"host": "smtp.example.com", "password": "alone"},
	} {
		if bad["from"] == nil {
			bad["from"] = "id@acme.example"
		}
		w.want(422, "PUT /settings/mail", bad, "If-Match: *")
	}
	c := w.Services().Config.WithMail(config.Mail{From: "id@acme.example",
		SMTP: config.SMTP{Host: "LOCALHOST", Port: box.Port, TLS: "none"}})
	if err := server.TestMail(t.Context(), c, "ada@acme.example", "", nil); err == nil ||
		!strings.Contains(err.Error(), "address not allowed") {
		t.Errorf("this machine was reached: %v", err)
	}
	if box.Count() > 0 {
		t.Error("an email came")
	}
}

// TestADM03_WhoMayChangeSettings: mail takes every permission, for whoever gets emails resets every password; branding takes its own.
func TestADM03_WhoMayChangeSettings(t *testing.T) {
	t.Parallel()
	w := sections(t)
	var most []string
	for _, p := range admin.All() {
		if p != admin.PeopleCredentials {
			most = append(most, string(p))
		}
	}
	bodies := map[string]map[string]any{"branding": {"name": "Acme"}, "mail": {"from": "a@b.example", "host": "smtp.example.com"}}
	for name, actor := range map[string]struct {
		holds                []string
		read, branding, mail int
	}{
		"auditor":  {[]string{"people:read", "settings:read", "mail:read"}, 200, 403, 403},
		"support":  {[]string{"people:read", "people:credentials"}, 403, 403, 403},
		"designer": {[]string{"settings:read", "settings:write"}, 200, 200, 403},
		"most":     {most, 200, 200, 403},
		"all":      {nil, 200, 200, 200},
	} {
		token, _, err := w.Services().HostToken(t.Context(), "root@host", actor.holds, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		w.token = token
		for id, body := range bodies {
			may := map[string]int{"branding": actor.branding, "mail": actor.mail}[id]
			for route, want := range map[string]int{"GET /settings/" + id: actor.read, "PUT /settings/" + id: may} {
				if got, answer := w.call(route, body, "If-Match: *"); got != want {
					t.Errorf("%s, %s: %d %v, want %d", name, route, got, answer, want)
				}
			}
		}
		if got, _ := w.call("POST /settings/mail/test", map[string]any{"to": "a@b.example"}); (got == 200) != (actor.mail == 200) {
			t.Errorf("%s sends a test: %d", name, got)
		}
		for id, may := range map[string]int{"branding": actor.branding, "mail": actor.mail} {
			if got, _ := w.call("DELETE /settings/"+id, nil, "If-Match: *"); (got == 403) != (may == 403) {
				t.Errorf("%s deletes %s: %d", name, id, got)
			}
		}
	}
}

// TestOfTwoWhoChangeASettingOneWins, where it is kept already and where it is not.
func TestOfTwoWhoChangeASettingOneWins(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := sections(t, engine)
		for round := range 6 {
			w.want(200, "GET /settings/branding", nil)
			seen := "If-Match: " + w.etag
			var got [2]int
			var both sync.WaitGroup
			for i := range got {
				one := *w.adminAPI
				both.Go(func() {
					got[i], _ = one.call("PUT /settings/branding", map[string]any{"name": "N" + strconv.Itoa(2*round+i)}, seen)
				})
			}
			both.Wait()
			if got != [2]int{200, 412} && got != [2]int{412, 200} {
				t.Fatalf("round %d: %v", round, got)
			}
		}
	})
}

// TestASettingThatCannotBeRead is left out, says why, and can be set anew or forgotten.
func TestASettingThatCannotBeRead(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := sections(t, engine)
		db := w.Services().DB
		for id, row := range map[string]string{"branding": `{"name": 7`, "mail": `{"id":"mail","from":"a@b.example","host":"10.0.0.1"}`} {
			if _, err := db.InsertSetting(t.Context(), id, []byte(row), []byte("not sealed by anybody")); err != nil {
				t.Fatal(err)
			}
		}
		w.watch()
		if w.Services().Config.Mail.On() || w.Services().Config.Branding.Stored {
			t.Error("it is used")
		}
		for _, id := range []string{"branding", "mail"} {
			if now := w.want(200, "GET /settings/"+id, nil); now["origin"] != "stored" || now["problem"] == nil {
				t.Errorf("%v", now)
			}
		}
		w.want(200, "PUT /settings/branding", map[string]any{"name": "Acme"}, "If-Match: *")
		w.want(204, "DELETE /settings/mail", nil, "If-Match: *")
	})
}

// TestARestoreBringsNoMailServerBack: whoever has a mail server that was replaced since the backup gets no reset links by it.
func TestARestoreBringsNoMailServerBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s, db := p.open(t)
	h := s.Services()
	root := h.Host("root")
	set := func(id string, next setting.Section) {
		t.Helper()
		do := func(now *setting.Section) error { *now = next; return nil }
		if _, err := h.Admin.ChangeSetting(t.Context(), root, id, "", "", do); err != nil {
			t.Fatal(err)
		}
	}
	c := h.Config
	c.Mail = config.Default().Mail // the test's own is declared, so that rows are written past the acts
	text := []byte(`{"id":"mail","from":"a@b.example","host":"smtp.evil.example"}`)
	if _, err := db.InsertSetting(t.Context(), "mail", text, nil); err != nil {
		t.Fatal(err)
	}
	set(setting.Branding, setting.Section{Name: "Before"})
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := server.MakeBackup(t.Context(), h.Config, server.BackupOf(h.Config))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Audit.Record(t.Context(), audit.Event{Name: audit.SettingChanged, Detail: map[string]any{"setting": "mail"}}); err != nil {
		t.Fatal(err)
	}
	set(setting.Branding, setting.Section{Name: "After"})
	if err := h.KeepJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Restore(t.Context(), c, server.RestoreOptions{File: made.Path, Replace: true}); err != nil {
		t.Fatal(err)
	}
	_, db = p.open(t)
	var left []string
	err = db.KeptSettings(t.Context(), func(id string, data, _ []byte, _ int64) { left = append(left, id+" "+string(data)) })
	if err != nil || len(left) != 1 || left[0] != `branding {"id":"branding","name":"Before"}` {
		t.Errorf("%q %v", left, err)
	}
}

// TestSettingsInTheConsole: an administrator sets both on pages, and is told what is wrong with what was typed.
func TestSettingsInTheConsole(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	press := func(path, act, want string, fields map[string]string) {
		t.Helper()
		b.Get(t, path)
		_, seen, _ := strings.Cut(b.Body, `value="`+act+" ")
		seen, _, _ = strings.Cut(seen, `"`)
		form := map[string][]string{"what": {strings.TrimSpace(act + " " + seen)}}
		for name, value := range fields {
			form[name] = []string{value}
		}
		if b.Post(t, path, form); !strings.Contains(b.Text("main"), want) {
			t.Errorf("%s %s: %d %s", path, act, b.Status, b.Text("main"))
		}
	}
	if b.Get(t, "/admin/settings"); !strings.Contains(b.Body, `href="/admin/settings/branding"`) {
		t.Error("no way to the page of branding")
	}
	press("/admin/settings/branding", "change", "Stored here", map[string]string{"name": "Acme", "color": "#8a1f5c", "logo": mark,
		"links": "Our imprint https://acme.example/imprint\nHelp https://acme.example/help"})
	if now, err := w.Services().Settings.Section(t.Context(), setting.Branding); err != nil || len(now.Links) != 2 ||
		now.Links[0].Title != "Our imprint" {
		t.Errorf("%+v %v", now, err)
	}
	if b.Get(t, "/admin/settings/branding/look"); b.Status != 200 || !strings.Contains(b.Body, `name="username"`) {
		t.Errorf("no look at the sign-in page: %d", b.Status)
	}
	press("/admin/settings/branding", "change", "must be an SVG file", map[string]string{"name": "Acme", "logo": "<script/>"})
	press("/admin/settings/mail", "change", "this machine", map[string]string{"from": "a@b.example", "host": "localhost", "password": "hush"})
	if strings.Contains(b.Body, "hush") {
		t.Error("the password is in the page")
	}
	press("/admin/settings/mail", "change", "Stored here", map[string]string{"from": "a@b.example", "host": "smtp.example.com",
		"tls": "starttls"})
	press("/admin/settings/mail", "test", "Problem", map[string]string{"to": "ada@b.example"})
	press("/admin/settings/mail", "reset", "Default", nil)
	press("/admin/settings/branding", "reset", "Default", nil)
}
