package login_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"signet/server/servertest"
)

// walkSource chooses: the bytes of a fuzz input, one a choice. When they are used up the walk ends.
type walkSource struct{ data []byte }

func (s *walkSource) pick(n int) int {
	if len(s.data) == 0 || n < 2 {
		return 0
	}
	c := int(s.data[0]) % n
	s.data = s.data[1:]
	return c
}

// chance is one of n.
func (s *walkSource) chance(n int) bool { return s.pick(n) == n-1 }

// walker walks over the pages of sign-ins and keeps in mind what was proven.
type walker struct {
	t        testing.TB
	world    *walkWorld
	src      *walkSource
	people   []*walkPerson
	focus    *walkPerson
	tabs     []*walkTab
	requests []*walkRequest
	forms    []sentForm
	urls     []string
	hints    map[string]string      // ID tokens, by app and address
	named    map[*walkPerson]bool   // whose name was typed
	links    map[string]*walkPerson // secrets of mailed links
	tampered bool
	log      []string
}

func (w *walker) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *walker) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf(format, args...)
}

func (w *walker) byID(id string) *walkPerson {
	for _, p := range w.people {
		if p.id == "" {
			if u, err := w.world.Services().People.Show(w.t.Context(), p.email); err == nil {
				p.id = u.ID
			}
		}
		if p.id == id {
			return p
		}
	}
	return nil
}

func (w *walker) byEmail(email string) *walkPerson {
	if i := slices.IndexFunc(w.people, func(p *walkPerson) bool { return p.email == email }); i >= 0 {
		return w.people[i]
	}
	return nil
}

func (w *walker) byLink(secret string) *walkPerson { return w.links[secret] }

func (w *walker) byInteraction(i string) *walkRequest {
	if n := slices.IndexFunc(w.requests, func(r *walkRequest) bool { return r.i == i && i != "" }); n >= 0 {
		return w.requests[n]
	}
	return nil
}

// shown is the person whom a page names; nil = nobody or several.
func (w *walker) shown(body string) (who *walkPerson) {
	for _, p := range w.people {
		if strings.Contains(body, p.name) || strings.Contains(body, p.email) {
			if who != nil {
				return nil
			}
			who = p
		}
	}
	return who
}

// walkPaths are opened out of turn.
var walkPaths = []string{
	"/signin", "/signin?other=1", "/signin?cancel=1", "/signin/factor", "/signin/factor?way=recovery", "/signin/factor/setup",
	"/signin/offer", "/signin/connect", "/signin/code", "/choose", "/signup",
	"/forgot", "/terms", "/consent", "/oauth2/continue", "/oauth2/return",
	"/oauth2/logout",
	"/account", "/account/delete", "/account/keep", "/account/email", "/account/passkeys", "/account/second-step",
	"/account/second-step/add",
	"/account/data", "/account/logins", "/account/sessions", "/account/apps", "/recover", "/signin/with/work/new",
}

// open opens two browsers, the first with two tabs.
func (w *walker) open() {
	for n := range 2 {
		b := w.world.Browser(w.t)
		b.Address = fmt.Sprintf("10.%d.%d.%d", w.world.walks/250, w.world.walks%250, n)
		w.tabs = append(w.tabs, &walkTab{Browser: b, jar: &walkJar{}})
		w.get(w.tabs[n], "/signin")
	}
	w.tabs = append(w.tabs, &walkTab{Browser: w.tabs[0].Tab(w.t), jar: w.tabs[0].jar}) // with the cookies that are there by now
	w.get(w.tabs[2], "/signin")
}

// walk does what the bytes say, in the world, and looks at everything that comes back.
func walk(t testing.TB, world *walkWorld, data []byte) {
	t.Helper()
	w := &walker{
		t: t, world: world, src: &walkSource{data}, people: world.population(t), hints: map[string]string{},
		named: map[*walkPerson]bool{},
		links: map[string]*walkPerson{},
	}
	done := false
	defer func() {
		if !done {
			t.Logf("walk of %x:\n%s", data, strings.Join(w.log, "\n"))
		}
	}()
	w.open()
	w.focus = w.people[w.src.pick(5)]
	tab := w.tabs[0]
	w.begin(tab)
	const most = 60
	for range most {
		if len(w.src.data) == 0 {
			break
		}
		if w.src.chance(6) {
			tab = w.tabs[w.src.pick(len(w.tabs))]
		}
		if w.src.chance(12) {
			w.focus = w.people[w.src.pick(len(w.people))]
		}
		w.step(tab)
	}
	w.focus = w.people[w.src.pick(5)]
	for _, r := range w.requests {
		w.finish(r)
	}
	done = true
}

// randomWalk are the bytes of a walk by its number.
func randomWalk(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 11)) //nolint:gosec // chosen to be the same each time
	data := make([]byte, 80+r.IntN(240))
	for i := range data {
		data[i] = byte(r.UintN(256))
	}
	return data
}

// walkWorlds are the servers that walks go through.
var walkWorlds = []struct {
	name   string
	bubble bool
	make   func(t *testing.T) *walkWorld
}{
	{"time passes", true, func(t *testing.T) *walkWorld { return newBubbleWorld(t, false) }},
	{"two factors from everybody", true, func(t *testing.T) *walkWorld { return newBubbleWorld(t, true) }},
	{"upstreams", false, func(t *testing.T) *walkWorld { return newUpstreamWorld(t) }},
	{"postgres", false, func(t *testing.T) *walkWorld { return newUpstreamWorld(t, servertest.Postgres()) }},
}

// Rules B01 and B02: any order of pages, in any tab, leads to no redirect loop, no failure of ours, nobody else's pages, no code
// without what was asked for, and loses no app.
func TestB02_AnyWalkOverThePagesEndsWell(t *testing.T) {
	for n, world := range walkWorlds {
		walks := func(t *testing.T) {
			count := uint64(walkCount)
			if world.name == "postgres" {
				count = 3
			}
			w := world.make(t)
			for seed := range count {
				walk(t, w, randomWalk(seed+uint64(n)<<32))
			}
			if w.tokens < int(count) {
				t.Errorf("in %d walks an app got tokens %d times only: they show little", count, w.tokens)
			}
		}
		t.Run(world.name, func(t *testing.T) {
			if world.bubble {
				synctest.Test(t, walks)
				return
			}
			walks(t)
		})
	}
}

// FuzzWalk is the same, of any bytes: the first one chooses the server.
func FuzzWalk(f *testing.F) {
	for n := range walkWorlds[:3] {
		f.Add(append([]byte{byte(n)}, randomWalk(uint64(n))...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 400
		if len(data) < 2 || len(data) > most {
			return
		}
		world := walkWorlds[int(data[0])%3]
		one := func(t *testing.T) { walk(t, world.make(t), data[1:]) }
		if world.bubble {
			synctest.Test(t, one)
			return
		}
		one(t)
	})
}

// walkCount is how many walks a server of the plain test sees.
const walkCount = 12
