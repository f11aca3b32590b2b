package server_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/server/servertest"
	"signet/storage"
	"signet/users/membership"
)

// formOf is a form with a file; texts are names and values.
func formOf(t testing.TB, name, file string, texts ...string) (kind string, body *bytes.Buffer) {
	t.Helper()
	body = &bytes.Buffer{}
	form := multipart.NewWriter(body)
	for i := 0; i < len(texts); i += 2 {
		if err := form.WriteField(texts[i], texts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if file != "" {
		part, err := form.CreateFormFile(name, `x"><script>.html`)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, file)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return form.FormDataContentType(), body
}

// peopleImported counts the events of people who were imported.
func peopleImported(t *testing.T, w *consoleWorld) []storage.Event {
	t.Helper()
	events, err := w.Services().DB.EventsLike(t.Context(), storage.Event{Name: "user.imported"}, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

const bcryptHash = "$2y$10$BHkmhGzmLpbJxVnYVMq2IuRTbDK4MdmmOlpFRaaJnFhSnrdLnUCNC"

// TestADM76_PeopleAreCheckedThenImported: the console says of each line what would become of it and writes nothing; then it imports exactly
// what was checked. No hash of a password is on any page.
func TestADM76_PeopleAreCheckedThenImported(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	if b.Get(t, "/admin/people"); !strings.Contains(b.Body, `href="/admin/import"`) {
		t.Fatal("the page of people does not lead there")
	}
	lines := strings.Join([]string{`{"email":"ada@example.com","name":"Ada","password_hash":"` + bcryptHash + `"}`, `{"email":"nobody"}`, "",
		`{"email":"bob@example.com","name":"Other"}`, `{"email":"eve@example.com","password_hash":"{MD5}hush-hush"}`, "no JSON hush-hush",
		`{"email":"<script>@example.com"}`}, "\r\n")
	said := []string{"New 1 Updated 0 Unchanged 1 Refused 4", "2 · nobody", "write it like ada@example.com", "5 · eve@example.com",
		"by a reset link", "write one object a line", "1 · ada@example.com", "4 · bob@example.com"}
	for name, send := range map[string]func(){
		"file": func() {
			kind, body := formOf(t, "file", lines, "what", "check", "on_conflict", "skip", "lines", "")
			b.PostBody(t, "/admin/import", kind, body)
		},
		"pasted": func() {
			kind, body := formOf(t, "file", "", "what", "check", "lines", lines)
			b.PostBody(t, "/admin/import", kind, body)
		},
		"plain form": func() { b.Post(t, "/admin/import", url.Values{"what": {"check"}, "lines": {lines}}) },
	} {
		send()
		text := b.Text("main")
		for _, want := range append(said, "Nothing has been imported yet") {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %s", name, want, text)
			}
		}
		if b.Status != http.StatusOK || strings.Contains(b.Body, "$2y$") || strings.Contains(b.Body, "hush-hush") ||
			strings.Contains(b.Body, "<script>@") || strings.Contains(text, "Done.") {
			t.Errorf("%s: %d %s", name, b.Status, b.Body)
		}
	}
	if made := peopleImported(t, w); len(made) > 0 {
		t.Fatalf("checking made %v", made)
	}
	form := b.FormWith("checked")
	if form == nil {
		t.Fatalf("nothing to import: %s", b.Body)
	}
	b.Post(t, "/admin/import", url.Values{"what": {"import"}, "checked": form.Fields["checked"]})
	if text := b.Text("main"); b.Status != http.StatusOK || !strings.Contains(text, "Done.") || !strings.Contains(text, said[0]) ||
		strings.Contains(b.Body, "$2y$") {
		t.Errorf("imported: %d %s", b.Status, text)
	}
	made := peopleImported(t, w)
	if len(made) != 1 || made[0].ActorID != w.boss.ID || !b.Has("main") || !strings.Contains(b.Body, "/admin/people/"+made[0].UserID) {
		t.Errorf("events %v", made)
	}
	b.Post(t, "/admin/import", url.Values{"what": {"import"}, "checked": form.Fields["checked"]})
	if text := b.Text("main"); !strings.Contains(text, "New 0 Updated 0 Unchanged 2 Refused 4") || len(peopleImported(t, w)) != 1 {
		t.Errorf("imported twice: %s", text)
	}
}

// TestADM77_OnlyWhatWasCheckedIsImported: what comes back to be imported is what the same sign-in checked, and not long ago.
func TestADM77_OnlyWhatWasCheckedIsImported(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	app := w.AddAuthenticator(t, w.boss)
	b := w.Browser(t)
	signInWith(t, b, w.boss, app)
	b.Post(t, "/admin/import", url.Values{"what": {"check"}, "lines": {`{"email":"ada@example.com"}`}})
	checked := b.FormWith("checked").Fields.Get("checked")
	for name, text := range map[string]string{"nothing": "", "text": `{"email":"eve@example.com"}`, "no base64": "%%%",
		"changed": checked[:len(checked)-8] + "AAAAAAAA"} {
		b.Post(t, "/admin/import", url.Values{"what": {"import"}, "checked": {text}})
		if b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Text("main"), "check it again") {
			t.Errorf("%s: %d %s", name, b.Status, b.Text("main"))
		}
	}
	for _, how := range []string{"never", "skip\n{}", ""} {
		b.Post(t, "/admin/import", url.Values{"what": {"check"}, "on_conflict": {how}, "lines": {`{"email":"ada@example.com"}`}})
		if (b.Status == http.StatusOK) != (how == "") {
			t.Errorf("on conflict %q: %d %s", how, b.Status, b.Text("main"))
		}
	}
	if made := peopleImported(t, w); len(made) > 0 {
		t.Fatalf("made %v", made)
	}
	w.AgeSessions(t, w.boss.ID, time.Hour)
	b.Post(t, "/admin/import", url.Values{"what": {"import"}, "checked": {checked}})
	if !strings.Contains(b.URL.Path, "/signin") || len(peopleImported(t, w)) > 0 {
		t.Errorf("with an old sign-in: %s", b.URL)
	}
}

// TestADM78_AFormWithFilesIsBounded: what is too large, of the wrong type or broken is refused with a word, nothing of it is done, and
// pages of other sites and people without the permission do nothing by it.
func TestADM78_AFormWithFilesIsBounded(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	ada := `{"email":"ada@example.com"}`
	send := func(file string, texts ...string) {
		t.Helper()
		kind, body := formOf(t, "file", file, append([]string{"what", "check"}, texts...)...)
		b.PostBody(t, "/admin/import", kind, body)
	}
	many := strings.Repeat(ada+"\n", 1001)
	for name, c := range map[string]struct {
		file   string
		texts  []string
		status int
		says   string
	}{
		"nothing":        {"", nil, 422, "choose one, or paste lines"},
		"both":           {ada, []string{"lines", ada}, 422, "send one of them"},
		"many lines":     {many, nil, 422, "signet user import FILE"},
		"many pasted":    {"", []string{"lines", many}, 422, "signet user import FILE"},
		"large":          {strings.Repeat("x", 1<<20+1), nil, 422, "signet user import FILE"},
		"larger":         {strings.Repeat("x", 9<<20), nil, 413, ""},
		"large text":     {"", []string{"lines", strings.Repeat("x", 2<<20)}, 413, ""},
		"array":          {"[" + ada + "]", nil, 200, "jq -c"},
		"split":          {"{\n\"email\":\"ada@example.com\"}", nil, 200, "one object a line"},
		"zip":            {"PK\x03\x04\x14\x00\x00\x00", nil, 200, "Refused 1"},
		"windows":        {"{\"email\":\"ada@example.com\",\"name\":\"M\xfcller\"}", nil, 200, "UTF-8"},
		"mark of UTF-8":  {"\xef\xbb\xbf" + ada, nil, 200, "New 1"},
		"just 1 MiB":     {ada + strings.Repeat(" ", 1<<20-len(ada)), nil, 200, "New 1"},
		"just 1000":      {strings.Repeat("{}\n", 999) + ada, nil, 200, "New 1"},
		"thousand parts": {"", strings.Split(strings.Repeat("x,y,", 1000)+"x,y", ","), 400, ""},
	} {
		send(c.file, c.texts...)
		if b.Status != c.status || !strings.Contains(b.Text("main"), c.says) {
			t.Errorf("%s: %d %.300s", name, b.Status, b.Text("main"))
		}
	}
	for name, body := range map[string][2]string{"no boundary": {"multipart/form-data", "x"},
		"cut": {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n{"},
		"two files": {"multipart/form-data; boundary=b",
			strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n{}\r\n", 2) + "--b--\r\n"},
	} {
		if b.PostBody(t, "/admin/import", body[0], strings.NewReader(body[1])); b.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, b.Status)
		}
	}
	b.PostFrom(t, "https://evil.example", "/admin/import", url.Values{"what": {"check"}, "lines": {ada}})
	if b.Status != http.StatusForbidden {
		t.Errorf("from another site: %d", b.Status)
	}
	othersImportNobody(t, w, ada)
}

// othersImportNobody: whoever holds nothing finds nothing, and whoever may not write people is refused before anything of theirs is read.
func othersImportNobody(t *testing.T, w *consoleWorld, ada string) {
	t.Helper()
	nobody, support := w.Browser(t), w.Browser(t)
	signInWith(t, nobody, w.bob, w.AddAuthenticator(t, w.bob))
	signInWith(t, support, w.support, w.AddAuthenticator(t, w.support))
	for name, c := range map[string]struct {
		b      *servertest.Browser
		get    int
		post   int
		posted int
	}{"nobody": {nobody, 404, 404, 404}, "support": {support, 403, 403, 403}} {
		if c.b.Get(t, "/admin/import"); c.b.Status != c.get {
			t.Errorf("%s looks: %d", name, c.b.Status)
		}
		if c.b.Post(t, "/admin/import", url.Values{"what": {"check"}, "lines": {ada}}); c.b.Status != c.post {
			t.Errorf("%s checks: %d %s", name, c.b.Status, c.b.Text("main"))
		}
		kind, body := formOf(t, "file", strings.Repeat(ada+"\n", 5000), "what", "check")
		if c.b.PostBody(t, "/admin/import", kind, body); c.b.Status != c.posted {
			t.Errorf("%s sends much: %d", name, c.b.Status)
		}
	}
	if made := peopleImported(t, w); len(made) > 0 {
		t.Errorf("made %v", made)
	}
	refused, err := w.Services().DB.EventsLike(t.Context(), storage.Event{Name: "admin.refused", UserID: ""}, "", 10)
	if err != nil || !strings.Contains(string(refused[0].Detail), "ImportPeople") {
		t.Errorf("refusals %v %v", refused, err)
	}
}

// TestADM78_AFormThatIsSlowHoldsUpItsSenderAlone: one form with files is read of a person at a time, none of who may not send it.
func TestADM78_AFormThatIsSlowHoldsUpItsSenderAlone(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	host := w.Services().Host("test")
	if err := w.Services().Admin.GiveRole(t.Context(), host, membership.Admin, membership.Holder{UserID: w.bob.ID}); err != nil {
		t.Fatal(err)
	}
	boss, bob, support := w.consoleBrowser(t, w.boss), w.consoleBrowser(t, w.bob), w.consoleBrowser(t, w.support)
	slow, rest := io.Pipe()
	over := make(chan int)
	go func() {
		tab := boss.Tab(t)
		tab.PostBody(t, "/admin/import", "multipart/form-data; boundary=b", slow)
		over <- tab.Status
	}()
	_, _ = io.WriteString(rest, "--b\r\nContent-Disposition: form-data; name=\"lines\"\r\n\r\n{") // it is being read from here on
	kind, body := formOf(t, "logo_file", "", "what", "change", "name", "Acme")
	if boss.PostBody(t, "/admin/settings/branding", kind, body); boss.Status != http.StatusServiceUnavailable {
		t.Errorf("a second form of the same person: %d", boss.Status)
	}
	kind, body = formOf(t, "logo_file", "", "what", "change", "name", "Acme")
	if bob.PostBody(t, "/admin/settings/branding", kind, body); bob.Status != http.StatusOK {
		t.Errorf("a form of somebody else: %d", bob.Status)
	}
	unread, _ := io.Pipe()
	if support.PostBody(t, "/admin/import", "multipart/form-data; boundary=b", unread); support.Status != http.StatusForbidden {
		t.Errorf("of who may not: %d", support.Status)
	}
	_ = rest.CloseWithError(io.ErrUnexpectedEOF)
	if status := <-over; status != http.StatusBadRequest {
		t.Errorf("cut: %d", status)
	}
	kind, body = formOf(t, "logo_file", "", "what", "change", "name", "Acme Inc")
	if boss.PostBody(t, "/admin/settings/branding", kind, body); boss.Status != http.StatusOK {
		t.Errorf("after it: %d", boss.Status)
	}
}

// TestADM76_AsMuchAsMayBeCheckedIsImported: what a page carries of the largest import comes back whole.
func TestADM76_AsMuchAsMayBeCheckedIsImported(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.consoleBrowser(t, w.boss)
	ada := `{"email":"ada@example.com"}`
	kind, body := formOf(t, "file", ada+strings.Repeat(" ", 1<<20-len(ada)-1)+"\n", "what", "check", "on_conflict", "update")
	b.PostBody(t, "/admin/import", kind, body)
	form := b.FormWith("checked")
	if form == nil {
		t.Fatalf("checked: %d %s", b.Status, b.Text("main"))
	}
	form.Fields.Set("what", "import")
	if b.Post(t, "/admin/import", form.Fields); b.Status != http.StatusOK || len(peopleImported(t, w)) != 1 {
		t.Errorf("imported: %d %s", b.Status, b.Text("main"))
	}
}

// TestADM77_WhatIsLostWhileAFormArrivesIsLost: who sends people slowly, and may write none by the time that all is there, imports nobody.
func TestADM77_WhatIsLostWhileAFormArrivesIsLost(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newConsole(t, engine)
		host, holder := w.Services().Host("test"), membership.Holder{UserID: w.bob.ID}
		if err := w.Services().Admin.GiveRole(t.Context(), host, membership.Admin, holder); err != nil {
			t.Fatal(err)
		}
		bob := w.consoleBrowser(t, w.bob)
		bob.Post(t, "/admin/import", url.Values{"what": {"check"}, "lines": {`{"email":"eve@example.com"}`}})
		checked := bob.FormWith("checked").Fields.Get("checked")
		slow, rest := io.Pipe()
		over := make(chan int)
		go func() {
			tab := bob.Tab(t)
			tab.PostBody(t, "/admin/import", "multipart/form-data; boundary=b", slow)
			over <- tab.Status
		}()
		field := func(name, value string) {
			_, _ = io.WriteString(rest, "--b\r\nContent-Disposition: form-data; name=\""+name+"\"\r\n\r\n"+value+"\r\n")
		}
		field("what", "import") // it is being read from here on
		if err := w.Services().Admin.TakeRole(t.Context(), host, membership.Admin, holder); err != nil {
			t.Fatal(err)
		}
		field("checked", checked)
		_, _ = io.WriteString(rest, "--b--\r\n")
		_ = rest.Close()
		if status := <-over; status != http.StatusNotFound || len(peopleImported(t, w)) > 0 {
			t.Errorf("%d, imported %d", status, len(peopleImported(t, w)))
		}
	})
}
