package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// settle checks every fact that was acknowledged. Most of what is checked is used up by it; a third of the grants live on.
func (l *load) settle(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, w := range l.workers {
		wg.Go(func() { w.settle(ctx) })
	}
	wg.Wait()
	if err := l.settleMails(ctx); err != nil {
		return err
	}
	return l.settlePeople(ctx)
}

func (w *worker) settle(ctx context.Context) {
	var live []*chain
	for _, c := range w.chains {
		if w.settleChain(ctx, c) {
			live = append(live, c)
		}
	}
	w.chains = live
	for _, assertion := range w.assertions {
		w.checked("assertion")
		if a := w.sure(ctx, func() answer { return w.assert(ctx, w.base(), assertion) }); a.granted() {
			w.spentTwice("a client assertion")
		}
	}
	w.assertions = nil
	for _, v := range w.signedIn {
		w.settleSession(ctx, v, "session", "")
	}
	for _, v := range w.signedOut {
		w.settleSession(ctx, v, "sign-out", "login_required")
	}
	w.signedIn, w.signedOut = nil, nil
}

// sure asks until there is an answer that says yes or no.
func (w *worker) sure(ctx context.Context, ask func() answer) (a answer) {
	for range 100 {
		if a = ask(); a.granted() || a.refused() {
			return a
		}
		select {
		case <-ctx.Done():
			return a
		case <-time.After(100 * time.Millisecond):
		}
	}
	w.losing("no answer in %d tries: %s", 100, a)
	return a
}

// settleChain checks a grant and reports whether it lives on.
func (w *worker) settleChain(ctx context.Context, c *chain) bool {
	exchange := func() answer { return w.sure(ctx, func() answer { return w.exchange(ctx, w.base(), c) }) }
	refresh := func(token string) answer {
		return w.sure(ctx, func() answer { return w.refresh(ctx, w.base(), token) })
	}
	if !c.spent {
		w.checked("code")
		first := exchange()
		if !first.granted() && !c.unsure {
			w.losing("a code that was issued: %s", first)
		}
		if second := exchange(); first.granted() && second.granted() {
			w.spentTwice("a code, after its exchange")
		}
		return false
	}
	if len(c.tokens) == 0 {
		return false
	}
	a := refresh(c.newest())
	switch {
	case c.unsure: // whether it lives nobody said
		w.checked("code")
		if exchange().granted() {
			w.spentTwice("a code that was exchanged")
		}
		return false
	case c.ended:
		w.checked("revocation")
		if a.granted() {
			w.losing("a revocation: its refresh token is taken")
		}
		if w.sure(ctx, func() answer { return w.userinfo(ctx, w.base(), c.access) }).granted() {
			w.losing("a revocation: its access token is taken")
		}
		return false
	}
	w.checked("refresh token")
	if !a.granted() {
		w.losing("the newest refresh token: %s (generation %d)", a, len(c.tokens))
		return false
	}
	c.tokens, c.access = append(c.tokens, a.RefreshToken), a.AccessToken
	if rand.IntN(3) == 0 {
		return true
	}
	if len(c.tokens) > 3 && rand.IntN(2) == 0 {
		w.checked("spent refresh token")
		if refresh(c.tokens[len(c.tokens)-3]).granted() {
			w.spentTwice("a refresh token of two generations ago")
		}
	} else {
		w.checked("spent code")
		if exchange().granted() {
			w.spentTwice("a code that was exchanged")
		}
	}
	if refresh(c.newest()).granted() {
		w.losing("the end of a grant after a replay")
	}
	return false
}

// settleSession asks for a code without showing a page.
func (w *worker) settleSession(ctx context.Context, v *visitor, kind, want string) {
	w.checked(kind)
	for range 100 {
		back, _, err := v.authorize(ctx, w.base, url.Values{"prompt": {"none"}})
		if errors.Is(err, errUnsure) && ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if err != nil || back.Get("error") != want {
			w.losing("%s: %v %s", kind, err, back.Get("error"))
		}
		return
	}
}

// settlePeople compares the list of people with those that were made and disabled.
func (l *load) settlePeople(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[string]bool{}
	var list []struct {
		Email    string `json:"email"`
		Disabled bool   `json:"disabled"`
	}
	if err := l.cli(ctx, &list, "user", "list"); err != nil {
		return err
	}
	for _, u := range list {
		found[u.Email] = u.Disabled
	}
	for email, disabled := range l.persons {
		l.checked("person")
		is, there := found[email]
		if !there || disabled && !is || is && !l.disabled[email] {
			l.losing("person %s: there %v, disabled %v; want disabled %v", email, there, is, disabled)
		}
	}
	clear(l.disabled)
	for email := range l.persons {
		if len(email) > len("person0@example.com") {
			delete(l.persons, email)
		}
	}
	return nil
}

// passwordFile holds the password of all people.
func passwordFile(dir string) (string, error) {
	file := filepath.Join(dir, "password")
	if isFile(file) {
		return file, nil
	}
	return file, os.WriteFile(file, []byte(password), 0o600)
}
