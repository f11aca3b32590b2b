package login_test

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// honestSteps is how many pages a person looks at before they give up.
const honestSteps = 25

// finish follows the pages honestly to the app of a request: it signs in rightly, passes every step, allows. Nobody may get lost (rules
// B01, B02).
func (w *walker) finish(r *walkRequest) {
	const life = 30 * time.Minute
	if r.i == "" || time.Since(r.at) >= life-time.Minute {
		return
	}
	before, path, waits := r.answers, []string{}, 0
	w.note("finish %s", r.i)
	w.get(r.tab, "/oauth2/continue?i="+r.i)
	for range honestSteps {
		tab := r.tab
		if r.answers > before {
			return
		}
		path = append(path, tab.URL.RequestURI())
		if tab.Status == http.StatusTooManyRequests {
			if r.about != nil || waits == 3 { // who is told to wait
				return
			}
			waits++ // somebody else goes on
			w.focus = w.people[(slices.Index(w.people, w.focus)+1)%5]
			w.get(tab, "/signin?other=1&i="+r.i)
			continue
		}
		if back := w.wayBack(tab); back != "" {
			if r.answers == 0 {
				w.fail("a request that is open is said to be over: %s", tab.Text("main"))
			}
			if w.get(tab, back); r.answers == before {
				w.fail("the link back to the app leads to %s", tab.URL)
			}
			return
		}
		if !w.honest(tab, r) {
			break
		}
	}
	w.fail("the app of %s is lost: %d at %s after %v: %s", r.i, r.tab.Status, r.tab.URL, path, r.tab.Text("main"))
}

func (w *walker) wayBack(tab *walkTab) string {
	for _, link := range readPage(tab.URL.Path, tab.Body).links {
		if strings.Contains(link, "/oauth2/return?") {
			return link
		}
	}
	return ""
}

// honest does the right thing on the page in view; false if there is none.
func (w *walker) honest(tab *walkTab, r *walkRequest) bool {
	if tab.Landed != nil {
		return w.atUpstream(tab, w.target(r))
	}
	page := readPage(tab.URL.Path, tab.Body)
	if tab.Has("codes-next") {
		w.get(tab, tab.Attribute("codes-next", "href"))
		return true
	}
	withKey := tab.URL.Path == "/signin" && !strings.Contains(tab.Body, "readonly") && w.src.chance(2)
	withKey = withKey && w.world.device(w.t, w.target(r)) != nil
	for _, b := range page.buttons {
		if w.wanted(b, r, withKey) {
			w.press(tab, b, w.whoFor(b, r), true)
			return true
		}
	}
	if tab.URL.Path == "/choose" {
		w.get(tab, "/signin?other=1&i="+r.i)
		return true
	}
	return false
}

// wanted reports whether the button is the one that an honest person presses on its page.
func (w *walker) wanted(b walkButton, r *walkRequest, withKey bool) bool {
	decision := map[string]string{
		"/signin/offer": "no", "/signin/connect": "leave", "/terms": "accept", "/consent": "allow", "/account/keep": "keep",
	}[b.page]
	switch {
	case decision != "":
		return b.fields.Get("decision") == decision
	case b.page == "/choose":
		return b.fields.Has("account") && (r.about == nil || w.only(b, r.about))
	case strings.HasPrefix(b.page, "/signin/factor"):
		return b.ceremony == "get" || len(b.typed) == 1
	case strings.HasPrefix(b.page, "/signin/with/"), strings.HasPrefix(b.target(), "/signin/with/"):
		return false
	case withKey:
		return b.ceremony == "get"
	}
	return (b.page == "/signin" || b.page == "/signin/passkey") && b.target() == "/signin"
}

func (b walkButton) target() string {
	path, _, _ := strings.Cut(b.action, "?")
	return path
}

// only: the button's account is the person's. Pages name all of them, so where there are several it is not known.
func (w *walker) only(b walkButton, who *walkPerson) bool {
	return strings.Contains(b.body, who.name) && strings.Count(b.body, `name="account"`) == 1
}

// whoFor a form of the request's is.
func (w *walker) whoFor(b walkButton, r *walkRequest) *walkPerson {
	if p := w.byEmail(b.fields.Get("username")); p != nil && strings.Contains(b.body, "readonly") {
		return p
	}
	return w.target(r)
}

// target is whom an honest person signs in as.
func (w *walker) target(r *walkRequest) *walkPerson {
	if r != nil && r.about != nil {
		return r.about
	}
	return w.focus
}

// atUpstream answers there and comes back; the callback is one that may be opened again.
func (w *walker) atUpstream(tab *walkTab, who *walkPerson) bool {
	if w.world.google == nil {
		return false
	}
	u, subject := w.world.work, ""
	if strings.HasPrefix(tab.Landed.String(), w.world.google.URL) {
		u = w.world.google.OIDC
	} else if !strings.HasPrefix(tab.Landed.String(), w.world.work.URL) {
		return false
	}
	if who != nil {
		subject = who.subject
		tab.jar.proofs = append(tab.jar.proofs, walkProof{who: who, kind: "upstream", i: tab.out, at: time.Now()})
	}
	callback, values := u.Answer(w.t, tab.Landed, subject)
	ref := strings.TrimPrefix(callback, w.world.URL) + "?" + values.Encode()
	w.urls = append(w.urls, ref)
	w.get(tab, ref)
	return true
}
