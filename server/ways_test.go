package server_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"signet/server/servertest"
	"signet/server/web"
)

var update = flag.Bool("update", false, "write testdata/ways.txt anew")

const waysFile = "testdata/ways.txt"

// table is what became of each driver (by name) in each state (by name).
type table map[string]map[string]string

// few are the states that are also walked on Postgres, and under the race detector: one of each sort.
var few = []string{
	"nobody, address not proven", "password, then authenticator asked", "reset link, then passkey asked", "upstream, then enrolment",
	"acr 1, second visit", "acr 1, second visit, old", "acr 1, trusted browser, authenticator", "acr 2, authenticator", "acr phr, passkey",
	"acr 2, authenticator, no mail", "frozen", "no factor here, confirmed by a code",
}

// TestV01_EveryRouteInEveryState sends each route that adds, replaces or removes a way to sign in the best request that can be made
// in each state of sign-in, and looks at what became of the ways. What must hold is in func rule; what happens, in testdata/ways.txt.
// The gate walks all states without the race detector, and a few with it.
func TestV01_EveryRouteInEveryState(t *testing.T) {
	want := readTable(t)
	some := slices.DeleteFunc(states(), func(s *state) bool { return !slices.Contains(few, s.name) })
	if len(some) != len(few) {
		t.Fatalf("%d states of %d", len(some), len(few))
	}
	t.Run("sqlite", func(t *testing.T) {
		all := states()
		if racing {
			all = some
		}
		got := walk(t, all, func(*testing.T) servertest.Option { return servertest.YAML("") })
		if *update && !racing {
			writeTable(t, got)
			return
		}
		compare(t, got, want)
		if racing {
			return
		}
		for name, row := range want {
			for s := range row {
				if got[name][s] == "" {
					t.Errorf("%s: %s: there is no such cell any more", name, s)
				}
			}
		}
	})
	t.Run("postgres", func(t *testing.T) {
		got := walk(t, some, func(*testing.T) servertest.Option { return servertest.Postgres() })
		if !*update {
			compare(t, got, want)
		}
	})
}

// The local trial has routes of its own.
func TestV01_TheRoutesOfTheTrialSayWhatTheyTouch(t *testing.T) {
	routes := servertest.New(t, servertest.LocalTrial()).Routes()
	if missing := routes.Undeclared(); len(missing) > 0 {
		t.Errorf("these routes do not say which ways to sign in they touch: %q", missing)
	}
	if got := routes.Touches()["POST /demo/refresh"]; !slices.Equal(got, []web.Touch{web.Nothing}) {
		t.Errorf("the demo's refresh touches %q", got)
	}
}

func compare(t *testing.T, got, want table) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(got)) {
		for _, s := range slices.Sorted(maps.Keys(got[name])) {
			if g, w := got[name][s], want[name][s]; g != w {
				t.Errorf("%s: %s: %s, want %q (look at it, then run with -update)", name, s, g, w)
			}
		}
	}
}

// walk is the table of some states.
func walk(t *testing.T, some []*state, engine func(*testing.T) servertest.Option) table {
	servers := map[string]*ways{}
	for _, kind := range []string{optional, everyone, noMail} {
		servers[kind] = newWays(t, kind, engine(t))
	}
	touches := allTouches(t, servers)
	covered(t, touches)
	all, seen := table{}, map[string]bool{}
	var lock sync.Mutex
	t.Run("states", func(t *testing.T) {
		for _, s := range some {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				w, routes := servers[s.server], servers[s.server].Routes().Touches()
				var c *cell
				for _, d := range drivers() {
					if _, mounted := routes[d.route]; !mounted {
						continue
					}
					if c == nil || !c.same {
						c = newCell(t, w, s)
					}
					outcome, differ := c.run(d)
					judge(t, s, d, outcome, differ, touches[d.route])
					lock.Lock()
					if all[d.name()] == nil {
						all[d.name()] = map[string]string{}
					}
					all[d.name()][s.name] = outcome
					for _, kind := range differ {
						seen[d.route+" "+string(kind)] = true
					}
					lock.Unlock()
				}
				untouched(t, w, s)
			})
		}
	})
	if len(some) == len(states()) && !t.Failed() {
		everySeen(t, touches, seen)
	}
	return all
}

// judge applies what holds whatever the table says.
func judge(t *testing.T, s *state, d *driver, outcome string, differ, declared []web.Touch) {
	t.Helper()
	for _, kind := range differ {
		if !slices.Contains(declared, kind) {
			t.Errorf("%s: %s: changes %s, which the route does not declare", d.name(), s.name, kind)
		}
	}
	if strings.HasPrefix(outcome, "new account") || len(differ) == 0 {
		return
	}
	if err := rule(s, d, differ); err != nil {
		t.Errorf("%s: %s: %s, but %v", d.name(), s.name, outcome, err)
	}
}

// allTouches are those of all servers together; every unsafe route has to declare some.
func allTouches(t *testing.T, servers map[string]*ways) map[string][]web.Touch {
	t.Helper()
	all := map[string][]web.Touch{}
	for _, w := range servers {
		maps.Copy(all, w.Routes().Touches())
		if missing := w.Routes().Undeclared(); len(missing) > 0 {
			t.Fatalf("these routes do not say which ways to sign in they touch, if only web.Nothing: %q", missing)
		}
	}
	return all
}

// covered wants a driver for each route that touches something, and no driver for another.
func covered(t *testing.T, touches map[string][]web.Touch) {
	t.Helper()
	driven := map[string]bool{}
	for _, d := range drivers() {
		driven[d.route] = true
	}
	for route, kinds := range touches {
		if nothing := slices.Contains(kinds, web.Nothing); nothing == driven[route] {
			t.Errorf("%s touches %q; it has a driver: %t", route, kinds, driven[route])
		}
		delete(driven, route)
	}
	for route := range driven {
		t.Errorf("%s has a driver but is not mounted, or declares nothing", route)
	}
}

// everySeen wants each declared touch to have happened in a cell: a driver that cannot do what its route does shows nothing.
func everySeen(t *testing.T, touches map[string][]web.Touch, seen map[string]bool) {
	t.Helper()
	for route, kinds := range touches {
		for _, kind := range kinds {
			key := route + " " + string(kind)
			if kind != web.Nothing && !seen[key] && unseen[key] == "" {
				t.Errorf("%s declares %s, but in no state does it change", route, kind)
			}
		}
	}
}

func readTable(t *testing.T) table {
	t.Helper()
	text, err := os.ReadFile(waysFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	all, name, outcome := table{}, "", ""
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		switch {
		case line == "" || line[0] == '#':
		case line[0] != '\t':
			name, all[line] = line, map[string]string{}
		case !strings.HasPrefix(line, "\t\t"):
			outcome = line[1:]
		default:
			for s := range strings.SplitSeq(strings.TrimSuffix(line[2:], ";"), "; ") {
				all[name][s] = outcome
			}
		}
	}
	return all
}

// wrapped joins names to lines.
func wrapped(names []string) (lines []string) {
	const width = 120
	line := ""
	for i, name := range names {
		if i < len(names)-1 {
			name += ";"
		}
		if line != "" && len(line)+len(name) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+name, " ")
	}
	return append(lines, line)
}

func writeTable(t *testing.T, all table) {
	t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "# What becomes of each request (rows) in each state of sign-in. Written by go test ./server -run V01 -update.\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		cells := map[string][]string{}
		for s, outcome := range all[name] {
			cells[outcome] = append(cells[outcome], s)
		}
		fmt.Fprintf(&out, "\n%s\n", name)
		for _, outcome := range slices.Sorted(maps.Keys(cells)) {
			fmt.Fprintf(&out, "\t%s\n", outcome)
			for _, s := range wrapped(slices.Sorted(slices.Values(cells[outcome]))) {
				fmt.Fprintf(&out, "\t\t%s\n", s)
			}
		}
	}
	if err := os.WriteFile(waysFile, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
