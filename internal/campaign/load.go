package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	workers = 8
	people  = 4
)

// report is what a scenario found.
type report struct {
	mu      sync.Mutex
	name    string
	harm    int            // how often harm was done
	asked   atomic.Int64   // requests
	unsure  atomic.Int64   // of them without an answer, or with one that says try again
	facts   map[string]int // acknowledged facts that were checked, by kind
	lost    []string       // facts that were acknowledged and are not so
	twice   []string       // what could be spent twice
	ready   []time.Duration
	note    string
	skipped error // why it could not be tried
}

func (r *report) checked(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.facts == nil {
		r.facts = map[string]int{}
	}
	r.facts[kind]++
}

func (r *report) losing(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = append(r.lost, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (r *report) spentTwice(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.twice = append(r.twice, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// chain is a grant as its client knows it.
type chain struct {
	code, verifier string
	spent          bool     // the exchange was acknowledged
	tokens         []string // refresh tokens that were acknowledged, the newest last
	access         string
	ended          bool // its end was acknowledged
	unsure         bool // whether its code was spent, or it was ended, nobody said
}

func (c *chain) newest() string { return c.tokens[len(c.tokens)-1] }

// worker owns grants, assertions and a browser: nobody else uses them.
type worker struct {
	*load
	browser    *visitor
	chains     []*chain
	assertions []string // acknowledged
	signedOut  []*visitor
	signedIn   []*visitor
}

// load is the mixed load on a site, and what was acknowledged to it.
type load struct {
	*site
	*report
	workers  []*worker
	mu       sync.Mutex
	invited  []string        // e-mail addresses whose invitation was acknowledged
	persons  map[string]bool // e-mail addresses whose creation was acknowledged; true = disabling them was, too
	disabled map[string]bool // disabling was tried
}

// newLoad signs its people in.
func newLoad(ctx context.Context, s *site, r *report) (*load, error) {
	l := &load{site: s, report: r, persons: map[string]bool{}, disabled: map[string]bool{}}
	for i := range people {
		if err := l.create(ctx, fmt.Sprintf("person%d@example.com", i)); err != nil {
			return nil, err
		}
	}
	for i := range workers {
		w := &worker{load: l, browser: s.visitor(fmt.Sprintf("person%d@example.com", i%people))}
		if _, _, err := w.browser.authorize(ctx, w.base, nil); err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
		l.workers = append(l.workers, w)
	}
	return l, nil
}

func (l *load) create(ctx context.Context, email string) error {
	file, err := passwordFile(l.dir)
	if err != nil {
		return err
	}
	err = l.cli(ctx, nil, "user", "create", "--email", email, "--email-verified", "--password-file", file)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.persons[email] = false
	}
	return err
}

// run keeps the load up until ctx ends. Requests under way go on until they are answered.
func (l *load) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, w := range l.workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				w.step(context.WithoutCancel(ctx))
			}
		})
	}
	wg.Go(func() { l.operate(ctx) })
	wg.Wait()
}

// operate creates people and disables some of them, by the command line.
func (l *load) operate(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		email := fmt.Sprintf("made%d.%d@example.com", time.Now().UnixNano(), n)
		if l.create(ctx, email) == nil && n%2 == 0 {
			l.mu.Lock()
			l.disabled[email] = true
			l.mu.Unlock()
			if l.cli(ctx, nil, "user", "disable", "--email", email) == nil {
				l.mu.Lock()
				l.persons[email] = true
				l.mu.Unlock()
			}
		}
		if l.mails {
			l.invite(ctx, fmt.Sprintf("invited%d@example.com", time.Now().UnixNano()))
		}
		select {
		case <-ctx.Done():
		case <-time.After(400 * time.Millisecond):
		}
	}
}

// base is a replica by chance.
func (w *worker) base() string {
	for {
		if i := rand.IntN(len(w.at)); !w.out[i].Load() {
			return w.url(i)
		}
	}
}

// count notes that a request was made, and what came of it.
func (w *worker) count(a answer) answer {
	w.asked.Add(1)
	if !a.granted() && !a.refused() {
		w.unsure.Add(1)
		time.Sleep(20 * time.Millisecond) // whoever gets no answer does not ask again at once
	}
	return a
}

// step is one act of a client or a person.
func (w *worker) step(ctx context.Context) {
	var c *chain
	if len(w.chains) > 0 {
		c = w.chains[rand.IntN(len(w.chains))]
	}
	switch n := rand.IntN(100); {
	case c == nil || n < 15 && len(w.chains) < 60:
		w.begin(ctx)
	case !c.spent:
		w.redeem(ctx, c)
	case c.ended || c.unsure:
	case n < 70:
		w.rotate(ctx, c)
	case n < 75:
		a := w.count(w.revoke(ctx, w.base(), c.newest()))
		c.ended, c.unsure = a.granted(), !a.granted()
	case n < 90:
		assertion := w.assertion()
		if w.count(w.assert(ctx, w.base(), assertion)).granted() {
			w.assertions = append(w.assertions, assertion)
		}
	case n < 93 && len(w.signedIn)+len(w.signedOut) < 8:
		w.visit(ctx)
	case n < 97:
		a := w.count(w.call(ctx, w.base(), "/oauth2/introspect", url.Values{"token": {c.newest()}}))
		if a.granted() && !a.Active {
			w.losing("introspection: a living refresh token is not active")
		}
	default:
		if a := w.count(w.userinfo(ctx, w.base(), c.access)); a.refused() {
			w.losing("userinfo: a living access token: %s", a)
		}
	}
}

// begin has a code issued.
func (w *worker) begin(ctx context.Context) {
	w.asked.Add(1)
	back, verifier, err := w.browser.authorize(ctx, w.base, nil)
	switch {
	case errors.Is(err, errUnsure):
		w.unsure.Add(1)
		time.Sleep(20 * time.Millisecond)
	case err != nil || back.Get("code") == "":
		w.losing("authorization request: %v %v", err, back)
	default:
		w.chains = append(w.chains, &chain{code: back.Get("code"), verifier: verifier})
	}
}

// redeem spends the code, at times by two requests at once.
func (w *worker) redeem(ctx context.Context, c *chain) {
	if c.unsure {
		return
	}
	if rand.IntN(6) > 0 {
		a := w.count(w.exchange(ctx, w.base(), c))
		switch {
		case a.granted():
			c.spent, c.tokens, c.access = true, []string{a.RefreshToken}, a.AccessToken
		case a.refused():
			w.losing("a code that was issued: %s", a)
			c.spent, c.unsure = true, true
		default:
			c.unsure = true
		}
		return
	}
	granted := 0
	for _, a := range twice(func() answer { return w.count(w.exchange(ctx, w.base(), c)) }) {
		if a.granted() {
			granted++
			c.spent, c.tokens, c.access = true, []string{a.RefreshToken}, a.AccessToken
		}
	}
	c.unsure = true // whoever comes second ends the grant, or had no answer
	if granted > 1 {
		w.spentTwice("a code, by two requests at once")
	}
}

// rotate uses the newest refresh token, at times by two requests at once.
func (w *worker) rotate(ctx context.Context, c *chain) {
	ask := func() answer { return w.count(w.refresh(ctx, w.base(), c.newest())) }
	answers := []answer{}
	if rand.IntN(5) == 0 {
		answers = twice(ask)
	} else {
		answers = append(answers, ask())
	}
	next := map[string]bool{}
	for _, a := range answers {
		switch {
		case a.granted():
			next[a.RefreshToken] = true
			c.access = a.AccessToken
		case a.refused():
			w.losing("a refresh token that was issued: %s (generation %d)", a, len(c.tokens))
			c.ended = true
		}
	}
	if len(next) > 1 {
		w.spentTwice("a refresh token has %d successors", len(next))
	}
	for token := range maps.Keys(next) {
		c.tokens = append(c.tokens, token)
		break
	}
}

// visit signs a new browser in and, at times, out again.
func (w *worker) visit(ctx context.Context) {
	v := w.visitor(w.browser.email)
	w.asked.Add(1)
	if _, _, err := v.authorize(ctx, w.base, nil); err != nil {
		w.unsure.Add(1)
		return
	}
	if rand.IntN(2) == 0 {
		w.signedIn = append(w.signedIn, v)
		return
	}
	if was, err := v.signOut(ctx, w.site, w.base()); err == nil {
		w.signedOut = append(w.signedOut, was)
	}
}

// twice asks the same by two requests at once.
func twice(ask func() answer) []answer {
	answers := make([]answer, 2)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = ask() })
	}
	wg.Wait()
	return answers
}
