package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
)

const floodMore = `  - {client_id: spa, client_name: SPA, redirect_uris: ["http://localhost:1/cb"],
     grant_types: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:device_code"],
     token_endpoint_auth_method: none, scope: "openid offline_access"}
  - {client_id: tv, client_secret: %[1]s, client_name: TV, token_endpoint_auth_method: client_secret_basic, scope: "openid",
     grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba"]}
registration: {mode: open, scopes: [openid, profile, email]}
ciba: {enabled: true}
`

// wave is one flood: the same request again and again. Rows is what is counted in the database before and after it.
type wave struct {
	name, path, client string
	rows               string
	everywhere         bool
	body               func(n int64) string // a form, or JSON
}

// flood sends many requests that leave something to wait, and tells what is left of it.
func flood(ctx context.Context, args []string, out io.Writer) error {
	o := options{concurrency: 1, server: attackServer, more: fmt.Sprintf(floodMore, benchSecret)}
	set := flag.NewFlagSet("flood", flag.ExitOnError)
	set.StringVar(&o.signet, "signet", "", "the signet binary; empty = build it from this checkout")
	set.StringVar(&o.dsn, "postgres", "", "DSN of a fresh Postgres database; empty = SQLite")
	set.IntVar(&o.units, "n", 10_000, "requests of each flood")
	set.StringVar(&o.only, "only", "", "run only the floods whose name contains this")
	_ = set.Parse(args) // it ends the process
	dir, err := os.MkdirTemp("", "signet-flood-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	signet, err := startSignet(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("start signet: %w", err)
	}
	defer signet.stop()
	w, err := newWorld(ctx, signet.url, o)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	count := func(query string) (n int64) {
		if o.dsn != "" {
			_ = ask(ctx, o.dsn, query, &n)
			return n
		}
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "signet.db")+"?mode=ro")
		if err == nil {
			defer db.Close()
			err = db.QueryRowContext(ctx, query).Scan(&n)
		}
		if err != nil {
			fmt.Fprintln(out, "count:", err)
		}
		return n
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "flood of %d\tanswers\trows\tdatabase MiB\tmemory MiB before\tat most\n", o.units)
	for _, v := range w.waves() {
		if !strings.Contains(v.name, o.only) {
			continue
		}
		rows, size, before := count(v.rows), databaseMiB(dir, o.dsn), signet.rssMiB()
		answers, peak := w.send(ctx, v, int64(o.units), signet)
		fmt.Fprintf(t, "%s\t%s\t%+d\t%+.1f\t%.0f\t%.0f\n", v.name, answers, count(v.rows)-rows, databaseMiB(dir, o.dsn)-size, before, peak)
	}
	return t.Flush()
}

func (w *world) waves() []wave {
	const pushed, waiting = "SELECT COUNT(*) FROM tickets WHERE purpose = 'pushed request'", "SELECT COUNT(*) FROM waiting WHERE kind = "
	_, push, _ := strings.Cut(w.authorizeURL("flow", "verifier-verifier-verifier-verifier-verifier"), "?")
	_, spa, _ := strings.Cut(w.authorizeURL("spa", "verifier-verifier-verifier-verifier-verifier"), "?")
	device := url.Values{"client_id": {"spa"}, "scope": {"openid"}}.Encode()
	same := func(body string) func(int64) string { return func(int64) string { return body } }
	register := func(n int64) string { return fmt.Sprintf(`{"redirect_uris":["https://app%d.example/cb"]}`, n) }
	asked := func(n int64) string {
		return url.Values{"scope": {"openid"}, "login_hint": {person(int(n % people))}, "binding_message": {fmt.Sprint(n)}}.Encode()
	}
	const clients = "SELECT COUNT(*) FROM clients"
	return []wave{
		{"pushed requests, an app with a secret", "/oauth2/par", "flow", pushed, false, same(push)},
		{"pushed requests, one network", "/oauth2/par", "", pushed, false, same(spa)},
		{"pushed requests, from everywhere", "/oauth2/par", "", pushed, true, same(spa)},
		{"devices, an app with a secret", "/oauth2/device_authorization", "tv", waiting + "'device'", false, same("scope=openid")},
		{"devices, one network", "/oauth2/device_authorization", "", waiting + "'device'", false, same(device)},
		{"devices, from everywhere", "/oauth2/device_authorization", "", waiting + "'device'", true, same(device)},
		{"CIBA, an app, 8 people", "/oauth2/bc-authorize", "tv", waiting + "'ciba'", false, asked},
		{"registrations, one network", "/oauth2/register", "", clients, false, register},
		{"registrations, from everywhere", "/oauth2/register", "", clients, true, register},
	}
}

// send sends all of a flood, 32 at once, and returns how often each answer came, and the most memory that the server had.
func (w *world) send(ctx context.Context, v wave, most int64, signet *process) (answers string, peak float64) {
	var mu sync.Mutex
	var next atomic.Int64
	seen := map[string]int{}
	one := func(n int64) {
		got := "failed"
		req, err := http.NewRequestWithContext(ctx, "POST", w.url+v.path, strings.NewReader(v.body(n)))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if strings.HasPrefix(v.body(n), "{") {
				req.Header.Set("Content-Type", "application/json")
			}
			if v.client != "" {
				req.SetBasicAuth(v.client, benchSecret)
			}
			from := fmt.Sprintf("203.0.113.%d", 1+n%250)
			if v.everywhere { // the next network, an address of it
				from = fmt.Sprintf("%d.%d.%d.%d", 20+n>>16, n>>8&255, n&255, 1+n%250)
			}
			req.Header.Set("X-Forwarded-For", from)
			var res *http.Response
			if res, err = do(w.client, req); err == nil {
				got = res.Status
			}
		}
		mu.Lock()
		defer mu.Unlock()
		seen[got]++
		if n%100 == 0 {
			peak = max(peak, signet.rssMiB())
		}
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for n := next.Add(1); n <= most && ctx.Err() == nil; n = next.Add(1) {
				one(n)
			}
		})
	}
	wg.Wait()
	var list []string
	for status, n := range seen {
		list = append(list, fmt.Sprintf("%d × %s", n, status))
	}
	slices.Sort(list)
	return strings.Join(list, ", "), peak
}
