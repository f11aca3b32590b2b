package login_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/server/servertest"
)

// walkTab is one tab of a browser.
type walkTab struct {
	*servertest.Browser
	jar      *walkJar
	answered bool   // it shows the form that sends the app its answer
	out      string // the sign-in that led to an upstream
}

// sentForm is a form as it was sent, with what it proved.
type sentForm struct {
	action string
	fields url.Values
	proofs []walkProof
}

func interactionOf(action string) string {
	u, err := url.Parse(action)
	if err != nil {
		return ""
	}
	return u.Query().Get("i")
}

// filling is a form that somebody fills in, rightly or wrongly.
type filling struct {
	walkButton
	sent  sentForm
	who   *walkPerson
	right bool
}

// prove notes what the form shows right.
func (f *filling) prove(kind string, who *walkPerson) *walkProof {
	f.sent.proofs = append(f.sent.proofs, walkProof{who: who, kind: kind, i: interactionOf(f.action)})
	return &f.sent.proofs[len(f.sent.proofs)-1]
}

// press fills the form of a button in and sends it.
func (w *walker) press(tab *walkTab, b walkButton, who *walkPerson, right bool) {
	f := &filling{walkButton: b, sent: sentForm{action: b.action, fields: url.Values{}}, who: who, right: right}
	maps.Copy(f.sent.fields, b.fields)
	about := strings.HasPrefix(b.page, "/signin/factor") || strings.HasPrefix(b.page, "/account") || !right
	if on := w.shown(b.body); on != nil && about {
		f.who = on
	}
	w.tick(b, f.sent.fields)
	w.fillIn(f)
	w.ceremony(tab, f)
	w.decide(f)
	w.post(tab, f.sent)
}

// tick checks some boxes.
func (w *walker) tick(b walkButton, fields url.Values) {
	for _, box := range b.boxes {
		if box[0] == "terms" || box[0] == "scope" && !w.src.chance(4) || box[0] != "scope" && w.src.chance(3) {
			fields.Add(box[0], box[1])
		}
	}
	if fields.Has("passkeys") {
		fields.Set("passkeys", "yes")
	}
}

// fillIn types what the fields ask for.
func (w *walker) fillIn(f *filling) {
	to, fields := f.target(), f.sent.fields
	if p := w.byEmail(fields.Get("username")); p != nil && strings.HasPrefix(to, "/signin") && w.src.chance(2) {
		f.who = p // who is to prove it again
	}
	typed := map[string]string{"username": f.who.email, "email": f.who.email, "confirm": f.who.email, "handle": "", "name": "Somebody Else"}
	if f.who.id == "" {
		typed["name"] = f.who.name
		w.named[f.who] = w.named[f.who] || slices.Contains(f.typed, "name") // it is shown again to whoever typed it
	}
	typed["password"] = "wrong" // and too short to be a new one
	if f.right {
		typed["password"] = servertest.Password
	}
	typed["current"] = typed["password"]
	for _, name := range f.typed {
		if value, known := typed[name]; known && f.page != "/account/profile" {
			fields.Set(name, value)
		} else if name == "code" {
			fields.Set(name, w.code(f))
		}
	}
	if !f.right {
		return
	}
	switch {
	case to == "/signin" && fields.Get("password") != "":
		f.prove("password", f.who)
	case strings.HasPrefix(to, "/signup"), strings.HasPrefix(to, "/verify"), strings.HasPrefix(to, "/join"), strings.HasSuffix(to, "/new"):
		f.prove("signup", f.who)
	case to == "/reset":
		if p := w.byLink(fields.Get("t")); p != nil {
			f.prove("link", p)
		}
	}
}

// code is what is typed where a page asks for one.
func (w *walker) code(f *filling) string {
	b, who := f.walkButton, f.who
	if !f.right {
		return "000000"
	}
	switch {
	case b.secret != "":
		who.secrets = append(who.secrets, b.secret)
		f.prove("enrol", who)
		return servertest.TOTP(w.t, b.secret)
	case b.fields.Get("way") == "recovery":
		if len(who.recovery) == 0 {
			return "AAAA BBBB"
		}
		f.prove("recovery", who)
		return who.recovery[w.src.pick(len(who.recovery))]
	case strings.HasPrefix(b.action, "/signin/factor"):
		f.prove("totp", who)
		return w.world.totp(w.t, who)
	}
	if p := w.byEmail(b.fields.Get("username")); p != nil {
		who = p
	}
	f.prove("code", who)
	return who.code
}

// ceremony is what a page's script does with a passkey.
func (w *walker) ceremony(tab *walkTab, f *filling) {
	b, fields, who := f.walkButton, f.sent.fields, f.who
	if b.ceremony == "" || b.options == "" {
		return
	}
	page := tab.Tab(w.t).Post(w.t, b.options, fields)
	if page.Status >= http.StatusInternalServerError {
		w.fail("%d at %s", page.Status, b.options)
	}
	if page.Status != http.StatusOK || !strings.HasPrefix(page.Header.Get("Content-Type"), "application/json") {
		return
	}
	options := json.RawMessage(page.Body)
	switch {
	case b.ceremony == "create":
		device := w.world.Device()
		fields.Set("credential", device.Create(w.t, options))
		if to := b.target(); strings.HasPrefix(to, "/signup") || strings.HasPrefix(to, "/verify") {
			f.prove("signup", who)
			f.prove("passkey", who)
		} else if strings.HasPrefix(to, "/signin/factor/setup") && f.right {
			f.prove("enrol", who)
			f.prove("passkey", who)
		}
		w.world.devices = append(w.world.devices, device)
	case w.world.device(w.t, who) != nil && f.right:
		fields.Set("credential", w.world.device(w.t, who).Get(w.t, options))
		f.prove("passkey", who)
	default:
		fields.Set("credential", w.world.Device().Get(w.t, options))
	}
}

// decide notes what the buttons of the questions mean.
func (w *walker) decide(f *filling) {
	b, fields := f.walkButton, f.sent.fields
	on := w.shown(b.body)
	switch {
	case b.page == "/consent" && fields.Get("decision") == "allow" && on != nil:
		p := f.prove("allow", on)
		p.scopes = fields["scope"]
		if r := w.byInteraction(p.i); r != nil {
			p.client = r.app.ClientID
		}
		for _, s := range []string{"email", "profile", "offline_access"} { // those that the page says without a box
			if !slices.ContainsFunc(b.boxes, func(box [2]string) bool { return box[1] == s }) {
				p.scopes = append(p.scopes, s)
			}
		}
	case b.page == "/choose":
		for _, p := range w.people {
			if fields.Has("account") && strings.Contains(b.body, p.name) {
				f.prove("choose", p)
			}
		}
	}
}

// post sends a form, for the first time or again.
func (w *walker) post(tab *walkTab, f sentForm) {
	if decision := f.fields.Get("decision"); decision == "deny" || decision == "refuse" || strings.Contains(f.action, "cancel=1") {
		w.refused(f.action)
	}
	w.note("post %s %s as %v", f.action, brief(f.fields), kindsOf(f.proofs))
	for _, p := range f.proofs {
		p.at = time.Now()
		tab.jar.proofs = append(tab.jar.proofs, p)
	}
	tab.answered, tab.out = false, interactionOf(f.action)
	tab.Post(w.t, f.action, f.fields)
	if w.forms = append(w.forms, f); len(w.forms) > 40 {
		w.forms = w.forms[1:]
	}
	w.look(tab)
}

func (w *walker) get(tab *walkTab, ref string) {
	if strings.Contains(ref, "cancel=1") || strings.Contains(ref, "/oauth2/return") {
		w.refused(ref)
	}
	w.note("get %s", ref)
	tab.answered = false
	tab.Get(w.t, ref)
	w.look(tab)
}

// refused notes that the person refuses what the address is for.
func (w *walker) refused(ref string) {
	if r := w.byInteraction(interactionOf(ref)); r != nil {
		r.no = true
	}
}

func kindsOf(list []walkProof) (out []string) {
	for _, p := range list {
		out = append(out, p.kind+" of "+p.email())
	}
	return out
}

func (p walkProof) email() string { return p.who.email }

func brief(fields url.Values) string {
	short := url.Values{}
	for k, v := range fields {
		if k == "credential" {
			v = []string{"…"}
		}
		short[k] = v
	}
	return short.Encode()
}
