package login_test

import (
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"signet/server/servertest"
	"signet/users/factor"
)

// step is one thing that a person does in a tab.
func (w *walker) step(tab *walkTab) {
	page := readPage(tab.URL.Path, tab.Body)
	if tab.answered {
		page = walkPage{} // its form goes to the app
	}
	switch w.src.pick(16) {
	case 0, 1:
		w.begin(tab)
	case 2, 3:
		if len(page.buttons) > 0 {
			w.press(tab, page.buttons[w.src.pick(len(page.buttons))], w.focus, true)
		}
	case 4:
		if len(page.buttons) > 0 {
			w.press(tab, page.buttons[w.src.pick(len(page.buttons))], w.focus, false)
		}
	case 5:
		if len(w.forms) > 0 {
			w.post(tab, w.forms[w.src.pick(len(w.forms))])
		}
	case 6:
		if len(w.urls) > 0 {
			w.get(tab, w.urls[w.src.pick(len(w.urls))])
		}
	case 7:
		if len(page.links) > 0 {
			w.get(tab, page.links[w.src.pick(len(page.links))])
		}
	case 8:
		w.outOfTurn(tab)
	case 9:
		w.mail(tab)
	case 10:
		w.pass()
	case 11:
		if tab.Landed != nil {
			w.atUpstream(tab, nil)
		} else if w.world.google != nil {
			w.post(tab, sentForm{action: w.at(tab, "/signin/with/"+[]string{"google", "work"}[w.src.pick(2)]), fields: url.Values{}})
		}
	default:
		r := w.byInteraction(interactionOf(tab.URL.String()))
		if r == nil {
			r = &walkRequest{}
		}
		if !w.honest(tab, r) && len(page.buttons) > 0 && !strings.Contains(tab.URL.Path, "sessions") {
			w.press(tab, page.buttons[w.src.pick(len(page.buttons))], w.focus, true)
		}
	}
}

// at is a path within a sign-in: that of the tab, or of a request.
func (w *walker) at(tab *walkTab, path string) string {
	i := interactionOf(tab.URL.String())
	if i == "" && len(w.requests) > 0 {
		i = w.requests[w.src.pick(len(w.requests))].i
	}
	if i == "" {
		return path
	}
	if strings.Contains(path, "?") {
		return path + "&i=" + i
	}
	return path + "?i=" + i
}

func (w *walker) outOfTurn(tab *walkTab) {
	path := walkPaths[w.src.pick(len(walkPaths))]
	if !w.src.chance(3) {
		path = w.at(tab, path)
	}
	w.get(tab, path)
}

// mail opens a mailed link, maybe for the second time; without mail the operator makes one.
func (w *walker) mail(tab *walkTab) {
	who := w.people[w.src.pick(len(w.people))]
	for w.world.box != nil && w.world.box.Waiting(who.email) > 0 {
		m := w.world.box.Wait(w.t, who.email)
		for line := range strings.FieldsSeq(m.Text) {
			if path, ours := strings.CutPrefix(line, w.world.URL); ours && strings.Contains(path, "?t=") && !strings.HasPrefix(path, "/not-me") {
				who.links = append(who.links, path)
			}
		}
		if strings.Contains(m.Subject, "code") && !strings.Contains(m.Subject, "recovery") {
			who.code = m.Code(w.t)
		}
	}
	if len(who.links) == 0 && who.id != "" && w.src.chance(2) {
		link, err := w.world.Services().People.ResetLink(w.t.Context(), servertest.Permit(w.t, who.id, factor.ResetPassword), w.world.box != nil)
		if err != nil {
			w.fail("reset link: %v", err)
		}
		who.links = append(who.links, strings.TrimPrefix(link, w.world.URL))
	}
	if len(who.links) == 0 {
		return
	}
	link := who.links[w.src.pick(len(who.links))]
	if u, err := url.Parse(link); err == nil {
		w.links[u.Query().Get("t")] = who
	}
	w.get(tab, link)
}

// pass lets time pass, where it can be.
func (w *walker) pass() {
	if !w.world.bubble {
		return
	}
	d := []time.Duration{time.Second, 61 * time.Second, 3 * time.Minute, 11 * time.Minute, 31 * time.Minute}[w.src.pick(5)]
	w.note("sleep %s", d)
	time.Sleep(d)
}

// Parameters of requests; an empty string is none.
var (
	walkScopes = [][]string{{"openid"}, {"openid", "email"}, {"openid", "profile", "email"}, {"openid", "email", "offline_access"}}
	walkFresh  = []string{
		"", "", "", "", "", "", "prompt=none", "prompt=login", "prompt=consent", "prompt=select_account",
		"prompt=login+consent", "max_age=0", "max_age=30",
	}
	walkDemands = []string{
		"", "", "", "", "", "acr_values=2", "acr_values=phr", "acr_values=2", "response_mode=form_post",
		"login_hint=", "id_token_hint=", "id_token_hint=",
		"claims=" + url.QueryEscape(`{"id_token":{"acr":{"essential":true,"values":["2"]}}}`),
	}
)

// begin is an app's request.
func (w *walker) begin(tab *walkTab) {
	app, scopes := w.world.apps[w.src.pick(len(w.world.apps))], walkScopes[w.src.pick(len(walkScopes))]
	fresh, demand := walkFresh[w.src.pick(len(walkFresh))], walkDemands[w.src.pick(len(walkDemands))]
	q, err := url.ParseQuery(fresh + "&" + demand)
	if err != nil {
		w.fail("%v", err)
	}
	var about *walkPerson
	if q.Has("login_hint") {
		q.Set("login_hint", w.focus.email)
	}
	if q.Has("id_token_hint") {
		q.Del("id_token_hint")
		if about = w.hinted(app); about != nil {
			q.Set("id_token_hint", w.hints[app.ClientID+about.email])
		}
	}
	var options []oauth2.AuthCodeOption
	for name := range q {
		options = append(options, oauth2.SetAuthURLParam(name, q.Get(name)))
	}
	w.note("begin %s %v %s", app.ClientID, scopes, q.Encode())
	r := &walkRequest{app: app, jar: tab.jar, tab: tab, query: q, at: time.Now(), about: about}
	tab.answered = false
	r.Request = app.With(scopes...).Begin(w.t, tab.Browser, options...)
	r.i = interactionOf(tab.URL.String())
	w.requests = append(w.requests, r)
	w.look(tab)
	if q.Get("prompt") == "none" && r.answers == 0 {
		w.fail("prompt=none shows a page: %d at %s", tab.Status, tab.URL)
	}
}

// hinted is somebody whom the app has an ID token about; nil = nobody.
func (w *walker) hinted(app *servertest.App) (about *walkPerson) {
	for _, p := range w.people {
		if w.hints[app.ClientID+p.email] != "" && (about == nil || w.src.chance(2)) {
			about = p
		}
	}
	return about
}
