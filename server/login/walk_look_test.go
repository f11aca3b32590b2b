package login_test

import (
	"net/http"
	"net/url"
	"strings"
)

// look checks whatever came back from a request.
func (w *walker) look(tab *walkTab) {
	b := tab.Browser
	if b.Status >= http.StatusInternalServerError && (b.Status != http.StatusBadGateway || !w.tampered) {
		w.fail("%d at %s: %s", b.Status, b.URL, b.Text("main"))
	}
	if b.Landed != nil {
		w.arrived(tab, b.Landed.Query(), b.Landed)
		return
	}
	if form := b.FormWith("iss"); form != nil && form.Fields.Get("state") != "" {
		to, _ := url.Parse(form.Action)
		w.arrived(tab, form.Fields, to)
		return
	}
	w.privacy(tab)
	if w.urls = append(w.urls, b.URL.RequestURI()); len(w.urls) > 60 {
		w.urls = w.urls[1:]
	}
}

// privacy: nobody is named who has proven nothing in this browser, and no page of an account is shown before its person has passed
// all steps.
func (w *walker) privacy(tab *walkTab) {
	b := tab.Browser
	for _, p := range w.people {
		shown := strings.Contains(b.Body, p.name) && !w.named[p]
		if !shown {
			continue
		}
		if !tab.jar.proved(p, walkFirsts) {
			w.fail("%s names %s, who has proven nothing in this browser", b.URL, p.name)
		}
		inside := b.Status == http.StatusOK && strings.HasPrefix(b.URL.Path, "/account")
		if inside && p.second && !tab.jar.proved(p, walkSeconds) {
			w.fail("%s is shown to %s, who has not passed the second factor here", b.URL, p.name)
		}
	}
}

// arrived judges an answer at an app, or a way out to an upstream.
func (w *walker) arrived(tab *walkTab, q url.Values, to *url.URL) {
	for _, r := range w.requests {
		if r.State != q.Get("state") {
			continue
		}
		if tab.Landed == nil {
			tab.answered = true
		}
		if !strings.HasPrefix(to.String(), r.app.OAuth.RedirectURL) || q.Get("iss") != w.world.URL {
			w.fail("the answer went to %s", to)
		}
		w.answer(tab, r, q)
		return
	}
	if w.world.google != nil && (strings.HasPrefix(to.String(), w.world.google.URL) || strings.HasPrefix(to.String(), w.world.work.URL)) {
		return
	}
	w.fail("the browser was sent to %s", to)
}

func (w *walker) answer(tab *walkTab, r *walkRequest, q url.Values) {
	if r.jar != tab.jar {
		w.fail("a request begun in one browser was answered in another")
	}
	r.answers++
	code := q.Get("code")
	w.note("answered %s: %s", r.app.ClientID, q.Get("error"))
	if code == "" && !r.explained(q.Get("error")) {
		w.fail("the app was told %v, and nothing led to that", q)
	}
	if code == "" {
		return
	}
	if r.last != "" && !r.spent {
		if _, err := r.TryExchange(w.t.Context(), r.last); err == nil {
			w.fail("an earlier code of a request that was answered again is good still")
		}
	}
	r.last, r.spent = code, false
	if w.src.chance(4) { // later, or never
		return
	}
	tokens, err := r.TryExchange(w.t.Context(), code)
	if err != nil {
		w.fail("a fresh code is refused: %v", err)
	}
	r.spent = true
	w.token(r, tokens)
}
