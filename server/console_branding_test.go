package server_test

import (
	"bytes"
	"encoding/base64"
	"html"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/admin"
	"signet/admin/setting"
	"signet/server/servertest"
)

const (
	brandPage = "/admin/settings/branding"
	brandMark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#123456" d="M0 0h9v9"/></svg>`
)

// brandWorld is an administrator at the page of the branding.
type brandWorld struct {
	*consoleWorld
	*servertest.Browser
}

func newBranding(t *testing.T) *brandWorld {
	t.Helper()
	w := newConsole(t)
	b := w.consoleBrowser(t, w.boss)
	b.Get(t, brandPage)
	return &brandWorld{w, b}
}

// consoleBrowser is somebody who is signed in with two factors.
func (w *consoleWorld) consoleBrowser(t *testing.T, p servertest.Person) *servertest.Browser {
	t.Helper()
	b := w.Browser(t)
	signInWith(t, b, p, w.AddAuthenticator(t, p))
	return b
}

func (w *brandWorld) kept(t *testing.T) setting.State {
	t.Helper()
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	now, err := w.Services().Admin.Setting(t.Context(), root, setting.Branding)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// tagOf is what the form of a page in view was filled from.
func tagOf(t *testing.T, b *servertest.Browser) string {
	t.Helper()
	_, rest, found := strings.Cut(b.Body, `value="change `)
	tag, _, _ := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("%s has no form: %s", b.URL, b.Text("main"))
	}
	return tag
}

// send sends the form in view as it is filled, with other texts and with files, by a button.
func (w *brandWorld) send(t *testing.T, button string, files map[string]string, texts ...string) {
	t.Helper()
	fields := w.FormWith("color").Fields
	fields.Set("what", button+" "+tagOf(t, w.Browser))
	for i := 0; i < len(texts); i += 2 {
		fields.Set(texts[i], texts[i+1])
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, values := range fields {
		_ = form.WriteField(name, values[0])
	}
	for name, file := range files {
		part, err := form.CreateFormFile(name, `"><script>.svg`)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, file)
	}
	_ = form.Close()
	w.PostBody(t, brandPage, form.FormDataContentType(), &body)
}

func (w *brandWorld) says(t *testing.T, what string, status int, text string) {
	t.Helper()
	if w.Status != status || !strings.Contains(w.Text("main"), text) {
		t.Errorf("%s: %d %.400s; want %d, %q", what, w.Status, w.Text("main"), status, text)
	}
}

func pngLogo(t *testing.T, side int) string {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestADM79_ALogoIsAFile: it is sent as one, shown, kept where nothing else is sent, and removed; what is wrong with another field costs no
// file.
func TestADM79_ALogoIsAFile(t *testing.T) {
	t.Parallel()
	w := newBranding(t)
	w.send(t, "change", map[string]string{"logo_file": "\xef\xbb\xbf" + brandMark}, "name", "Acme", "color", "#8a1f5c")
	w.says(t, "sent", http.StatusOK, "Done.")
	if now := w.kept(t); now.Logo != brandMark || now.Name != "Acme" || now.Origin != setting.OriginStored {
		t.Fatalf("kept %+v", now)
	}
	if policy := w.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "img-src 'self' data:;") ||
		!strings.Contains(html.UnescapeString(w.Body), `src="`+dataOf(brandMark)) || strings.Contains(policy, "script-src 'self' ") {
		t.Errorf("policy %s, %s", policy, w.Body)
	}
	if w.Get(t, "/admin/settings"); strings.Contains(w.Header.Get("Content-Security-Policy"), "data:") {
		t.Error("another page may show images that are in it")
	}
	picture := pngLogo(t, 40)
	w.Get(t, brandPage)
	w.send(t, "change", map[string]string{"logo_dark_file": picture}, "color", "red")
	w.says(t, "a wrong colour", http.StatusUnprocessableEntity, "#1f6f54")
	w.send(t, "change", nil, "color", "#1f6f54")
	if now := w.kept(t); now.Logo != brandMark || now.LogoDark != setting.Logo([]byte(picture)) || now.Color != "#1f6f54" {
		t.Errorf("after the colour was mended: %d %s, %+v", w.Status, w.Text("main"), now)
	}
	w.send(t, "change", nil, "logo_remove", "1")
	w.says(t, "the dark one alone", http.StatusUnprocessableEntity, "needs branding.logo")
	w.Get(t, brandPage)
	w.send(t, "change", nil, "logo_remove", "1", "logo_dark_remove", "1")
	if now := w.kept(t); now.Logo+now.LogoDark != "" || now.Color != "#1f6f54" {
		t.Errorf("removed: %+v", now)
	}
}

// TestADM79_WhatIsNoLogoIsRefused: nothing of it is kept or shown.
func TestADM79_WhatIsNoLogoIsRefused(t *testing.T) {
	t.Parallel()
	w := newBranding(t)
	picture, whole := pngLogo(t, 40), "must be an SVG or PNG file"
	svg := func(inner string) string { return `<svg xmlns="http://www.w3.org/2000/svg">` + inner + `</svg>` }
	laughs := `<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>` + svg("<text>&b;</text>")
	for name, c := range map[string]struct {
		file   string
		status int
		says   string
	}{
		"jpeg": {"\xff\xd8\xff\xe0JFIF", 422, whole}, "gif": {"GIF89a", 422, whole}, "html": {"<html/>", 422, whole},
		"zip": {"PK\x03\x04", 422, whole}, "entities": {laughs, 422, "document type"}, "text": {"\x00", 422, whole},
		"script": {svg("<script>alert(1)</script>"), 422, "script"}, "handler": {svg(`<path onload="x"/>`), 422, "onload"},
		"elsewhere": {svg(`<use href="https://evil.example/x#a"/>`), 422, "not in it"},
		"cut PNG":   {picture[:len(picture)-9], 422, "whole PNG"}, "wide PNG": {pngLogo(t, 2049)[:4000], 422, "whole PNG"},
		"large":     {svg(strings.Repeat(" ", 12_000)), 422, "make it smaller"},
		"large PNG": {picture + strings.Repeat("x", 9_001), 422, "make it smaller"},
		"larger":    {strings.Repeat("x", 1<<20), 422, "make it smaller"}, "much larger": {strings.Repeat("x", 9<<20), 413, ""},
		"many elements": {svg(strings.Repeat("<g>", 101) + strings.Repeat("</g>", 101)), 422, "too deep"},
	} {
		for _, button := range []string{"change", "preview-dark"} {
			w.Get(t, brandPage)
			w.send(t, button, map[string]string{"logo_file": c.file})
			w.says(t, name+" "+button, c.status, c.says)
			if strings.Contains(w.Body, "alert(1)") || strings.Contains(w.Body, "data:image") {
				t.Errorf("%s is shown: %s", name, w.Body)
			}
		}
	}
	if now := w.kept(t); now.Origin != setting.OriginDefault {
		t.Errorf("kept %+v", now)
	}
}

// TestADM80_APreviewShowsWhatIsTyped: the page where people sign in, on light and on dark pages, in what is typed. Nothing is written, the
// page can send nothing, and to save after it is still to save what nobody else changed.
func TestADM80_APreviewShowsWhatIsTyped(t *testing.T) {
	t.Parallel()
	w := newBranding(t)
	before := w.kept(t)
	typed := []string{"name", "Acme <b>", "color", "#8a1f5c", "links", "<i>Imprint https://acme.example/imprint"}
	files := map[string]string{"logo_file": brandMark, "logo_dark_file": strings.Replace(brandMark, "#123456", "#abcdef", 1)}
	for scheme, ink := range map[string]string{"light": "#123456", "dark": "#abcdef"} {
		w.Get(t, brandPage)
		w.send(t, "preview-"+scheme, files, typed...)
		policy := w.Header.Get("Content-Security-Policy")
		if w.Status != http.StatusOK || !w.Has("preview") || !w.Has("password") || !strings.Contains(w.Body, "Acme &lt;b&gt;") ||
			!strings.Contains(w.Body, "&lt;i&gt;Imprint") || !strings.Contains(w.Body, `content="`+scheme+`"`) ||
			!strings.Contains(html.UnescapeString(w.Body), dataOf(strings.Replace(brandMark, "#123456", ink, 1))) {
			t.Errorf("%s: %d %s", scheme, w.Status, w.Body)
		}
		if !strings.Contains(policy, "form-action 'none'") || !strings.Contains(policy, "script-src 'self';") ||
			!strings.Contains(policy, "style-src 'self';") || w.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: policy %s", scheme, policy)
		}
		sheet := brandPage + "/preview/8a1f5c-" + scheme + "/signet.css"
		if !strings.Contains(w.Body, sheet) {
			t.Fatalf("%s: no %s in %s", scheme, sheet, w.Body)
		}
		w.Get(t, sheet)
		if w.Status != http.StatusOK || !strings.Contains(w.Body, "--brand:#8a1f5c") || strings.Contains(w.Body, "prefers-color-scheme") ||
			!strings.Contains(w.Body, "color-scheme:"+scheme+";") || w.Header.Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%s: %d %v", sheet, w.Status, w.Header)
		}
	}
	if now := w.kept(t); admin.Tag(now) != admin.Tag(before) {
		t.Errorf("kept %+v", now)
	}
	if w.Get(t, "/signin"); strings.Contains(w.Body, "Acme") {
		t.Error("others see it")
	}
	w.Get(t, brandPage)
	for name, bad := range map[string][]string{"colour": {"color", "red;}body{background:url(//evil.example)"},
		"name": {"name", strings.Repeat("x", 61)}, "link": {"links", "Imprint javascript:alert(1)"}, "logo": {"logo", "<svg onload=x>"}} {
		w.Get(t, brandPage)
		w.send(t, "preview-light", nil, bad...)
		if w.Status != http.StatusUnprocessableEntity || strings.Contains(w.Body, "preview/") {
			t.Errorf("%s: %d %s", name, w.Status, w.Text("main"))
		}
	}
	for _, at := range []string{"red-dark", "8a1f5c", "8a1f5c-dim", "8a1f5c;}-dark", "none-dark/logo.svg"} {
		if w.Get(t, brandPage+"/preview/"+at+"/signet.css"); w.Status != http.StatusNotFound {
			t.Errorf("%s: %d", at, w.Status)
		}
	}
	previewKeepsTheCondition(t, w)
}

// dataOf is a picture as a page has it.
func dataOf(svg string) string {
	return "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg))
}

// previewKeepsTheCondition has two administrators change the branding at once: whoever looks at a preview saves no less carefully.
func previewKeepsTheCondition(t *testing.T, w *brandWorld) {
	t.Helper()
	w.Get(t, brandPage)
	other := w.Browser.Tab(t)
	other.Get(t, brandPage)
	w.send(t, "preview-light", nil, "name", "Mine")
	if !w.Has("preview") {
		t.Fatalf("preview: %s", w.Text("main"))
	}
	other.Post(t, brandPage, url.Values{"what": {"change " + tagOf(t, other)}, "name": {"Theirs"}})
	if other.Status != http.StatusOK {
		t.Fatalf("saved by the other: %d %s", other.Status, other.Text("main"))
	}
	stale := admin.Tag(setting.State{})
	for _, button := range []string{"preview-dark", "change"} {
		w.Post(t, brandPage, url.Values{"what": {button + " " + stale}, "name": {"Mine"}})
		w.says(t, button+" of what was changed meanwhile", http.StatusUnprocessableEntity, "changed this in the meantime")
	}
	if now := w.kept(t); now.Name != "Theirs" {
		t.Errorf("kept %+v", now)
	}
	w.send(t, "preview-light", nil, "name", "Mine")
	w.Get(t, brandPage)
	w.send(t, "change", nil, "name", "Mine")
	if now := w.kept(t); now.Name != "Mine" {
		t.Errorf("saved after a preview: %d %s, %+v", w.Status, w.Text("main"), now)
	}
}

// TestADM80_NobodyIsLedToAPreview: no link shows one, no other site sends its form, and whoever may not change the branding has none.
func TestADM80_NobodyIsLedToAPreview(t *testing.T) {
	t.Parallel()
	w := newBranding(t)
	form := url.Values{"what": {"preview-light"}, "name": {"Evil"}, "color": {"#ff0000"}}
	if w.Get(t, brandPage+"?"+form.Encode()); w.Has("preview") || strings.Contains(w.Text("main"), "Evil") {
		t.Errorf("by a link: %s", w.Body)
	}
	if w.PostFrom(t, "https://evil.example", brandPage, form); w.Status != http.StatusForbidden || w.Has("preview") {
		t.Errorf("from another site: %d", w.Status)
	}
	if w.Get(t, "/admin/settings/mail"); w.Status != http.StatusOK {
		t.Fatalf("mail: %d", w.Status)
	}
	if w.Post(t, "/admin/settings/mail", form); w.Has("preview") {
		t.Errorf("of the mail server: %s", w.Body)
	}
	nobody, support := w.consoleBrowser(t, w.bob), w.consoleBrowser(t, w.support)
	for name, b := range map[string]*servertest.Browser{"bob": nobody, "support": support, "a stranger": w.Server.Browser(t)} {
		for _, send := range []func(){func() { b.Post(t, brandPage, form) },
			func() { b.Get(t, brandPage+"/preview/ff0000-light/signet.css") }} {
			if send(); b.Has("preview") || strings.Contains(b.Text("main"), "Evil") || strings.Contains(b.Body, "--brand:#ff0000") {
				t.Errorf("%s: %d %s", name, b.Status, b.Body)
			}
		}
		kind, body := formOf(t, "logo_file", strings.Repeat("x", 1<<20), "what", "change")
		if b.PostBody(t, brandPage, kind, body); name != "a stranger" && b.Status != http.StatusNotFound && b.Status != http.StatusForbidden {
			t.Errorf("%s sends much: %d", name, b.Status)
		}
	}
	if now := w.kept(t); now.Origin != setting.OriginDefault {
		t.Errorf("kept %+v", now)
	}
}
