package browser

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"signet/storage"
	"signet/users/session"
)

// Several people, or one person with several accounts, may be signed in in one browser. The session cookie is the account in
// view, the only one that pages act for; the accounts cookie holds the secrets of the others, like the session cookie its
// own, so that going over to another needs no password. A secret that is of no use any more drops out when the cookie is
// written next. See docs/decisions, "several accounts in one browser".

const (
	accountSep  = "."
	otherLimit  = 4 // beside the one in view
	tooManyHere = "too many accounts in this browser"
)

// held is a session that the browser holds the secret of.
type held struct {
	storage.SessionUser
	secret string
}

// held reads the live sessions of the browser: the one in view, nil if there is none, and the others, last used first, none
// of a person who is there already.
func (b *Browser) held(r *http.Request) (current *held, others []held, err error) {
	find := func(secret string) (*held, error) {
		found, err := b.sessions.Find(r.Context(), secret)
		if err != nil || found == nil {
			return nil, err
		}
		return &held{*found, secret}, nil
	}
	if current, err = find(b.jar.read(r, sessionCookie)); err != nil {
		return nil, nil, err
	}
	value := b.jar.read(r, accountsCookie)
	if value == "" {
		return current, nil, nil
	}
	secrets := strings.Split(value, accountSep)
	for _, secret := range secrets[:min(len(secrets), otherLimit)] {
		h, err := find(secret)
		if err != nil {
			return nil, nil, err
		}
		twice := func(o held) bool { return h.UserID == o.UserID }
		if h == nil || current != nil && twice(*current) || slices.ContainsFunc(others, twice) {
			continue
		}
		others = append(others, *h)
	}
	return current, others, nil
}

// keepOthers writes the accounts cookie. The browser forgets it when closed as soon as one of the accounts is to be forgotten
// then: rather sign in again than stay signed in on a shared computer.
func (b *Browser) keepOthers(w http.ResponseWriter, r *http.Request, others []held) {
	if len(others) == 0 {
		if len(r.CookiesNamed(b.jar.name(accountsCookie))) > 0 {
			b.jar.clear(w, accountsCookie)
		}
		return
	}
	secrets := make([]string, len(others))
	var until time.Time
	forgotten := false
	for i, o := range others {
		secrets[i] = o.secret
		if until.Before(o.EndsAt) {
			until = o.EndsAt
		}
		forgotten = forgotten || !o.Remember
	}
	if forgotten {
		until = time.Time{}
	}
	b.jar.write(w, accountsCookie, strings.Join(secrets, accountSep), until)
}

// Accounts lists who is signed in in this browser, the one in view first. Somebody whose account is to be erased is not.
func (b *Browser) Accounts(r *http.Request) ([]*Visitor, error) {
	current, others, err := b.held(r)
	if err != nil {
		return nil, err
	}
	var list []*Visitor
	if current != nil && current.User.EraseAt.IsZero() {
		v := b.visitor(r, current.SessionUser)
		v.Current = true
		list = append(list, v)
	}
	for _, o := range others {
		if o.User.EraseAt.IsZero() {
			list = append(list, b.visitor(r, o.SessionUser))
		}
	}
	return list, nil
}

// Behind reports whether accounts are signed in behind the one in view. Where there is no sign of them nothing is read.
func (b *Browser) Behind(r *http.Request) (bool, error) {
	if b.jar.read(r, accountsCookie) == "" {
		return false, nil
	}
	all, err := b.Accounts(r)
	return slices.ContainsFunc(all, func(v *Visitor) bool { return !v.Current }), err
}

// Switch brings another account of this browser (one of Accounts) into view; the one in view stays signed in. No proof is
// made: auth_time, acr and amr are those of its own sign-in. false = it is not here any more.
func (b *Browser) Switch(w http.ResponseWriter, r *http.Request, to *Visitor) (bool, error) {
	current, others, err := b.held(r)
	if err != nil {
		return false, err
	}
	if current != nil && current.Session.ID == to.SessionID {
		return true, nil
	}
	i := slices.IndexFunc(others, func(o held) bool { return o.Session.ID == to.SessionID })
	if i < 0 {
		return false, nil
	}
	next := others[i]
	others = slices.Delete(others, i, i+1)
	if current != nil {
		others = append([]held{*current}, others...)
	}
	b.jar.write(w, sessionCookie, next.secret, keptUntil(next.Session))
	b.newState(w, keptUntil(next.Session))
	b.keepOthers(w, r, others)
	return true, nil
}

// SignedIn makes the browser one in which the person is signed in, and in view: a new secret in the cookie, the old one dead.
// A person who was signed in here keeps the sid. Whoever else was in view stays signed in behind; of more than five accounts
// the one used longest ago ends. From now on the browser is known to the account. An error of how.Within undoes it and is
// returned.
func (b *Browser) SignedIn(w http.ResponseWriter, r *http.Request, userID string, how session.How) (*Visitor, error) {
	ctx := r.Context()
	current, others, err := b.held(r)
	if err != nil {
		return nil, err
	}
	if current != nil {
		others = append([]held{*current}, others...)
	}
	var old *storage.Session
	if i := slices.IndexFunc(others, func(o held) bool { return o.UserID == userID }); i >= 0 {
		same := others[i].Session
		old, others = &same, slices.Delete(others, i, i+1)
	}
	started, secret, err := b.sessions.Start(ctx, old, userID, how)
	if err != nil {
		return nil, err
	}
	found, err := b.sessions.Find(ctx, secret)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, errors.New("session " + started.ID + " ended as it began")
	}
	for len(others) > otherLimit {
		last := others[len(others)-1]
		if err := b.end(r, last, tooManyHere); err != nil {
			return nil, err
		}
		others = others[:len(others)-1]
	}
	b.jar.write(w, sessionCookie, secret, keptUntil(started))
	if _, kept := b.stateOf(w, r); !kept || current == nil || current.Session.ID != started.ID {
		b.newState(w, keptUntil(started))
	}
	b.keepOthers(w, r, others)
	b.remember(w, r, userID)
	return b.visitor(r, *found), nil
}

// keptUntil is when the browser forgets the session's cookie; zero = when it is closed.
func keptUntil(s storage.Session) time.Time {
	if s.Remember {
		return s.EndsAt
	}
	return time.Time{}
}

func (b *Browser) end(r *http.Request, h held, why string) error {
	err := b.sessions.End(r.Context(), h.Session.ID, h.UserID, why)
	if errors.Is(err, storage.ErrNotFound) { // ended before
		return nil
	}
	return err
}

// SignOut ends the visitor's session, revokes its grants that are not offline and takes its secret from the browser; other
// accounts of the browser stay signed in. Done twice is done.
func (b *Browser) SignOut(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	current, others, err := b.held(r)
	if err != nil {
		return err
	}
	inView := v == nil || current == nil || current.Session.ID == v.SessionID
	if v != nil {
		if err := b.end(r, held{SessionUser: storage.SessionUser{Session: v.session}}, "signed out"); err != nil {
			return err
		}
		others = slices.DeleteFunc(others, func(o held) bool { return o.Session.ID == v.SessionID })
	}
	if inView {
		b.jar.clear(w, sessionCookie)
		b.newState(w, time.Time{})
	}
	b.keepOthers(w, r, others)
	forget(w)
	return nil
}

// SignOutAll does it for every account of this browser.
func (b *Browser) SignOutAll(w http.ResponseWriter, r *http.Request) error {
	current, others, err := b.held(r)
	if err != nil {
		return err
	}
	if current != nil {
		others = append(others, *current)
	}
	for _, o := range others {
		if err := b.end(r, o, "signed out"); err != nil {
			return err
		}
	}
	b.jar.clear(w, sessionCookie)
	b.newState(w, time.Time{})
	b.keepOthers(w, r, nil)
	forget(w)
	return nil
}

// forget makes Back show nothing of the account.
func forget(w http.ResponseWriter) { w.Header().Set("Clear-Site-Data", `"cache"`) }

// Tidy clears a session cookie that stands for nobody, and secrets of no use from the accounts cookie; call it where nobody
// is signed in.
func (b *Browser) Tidy(w http.ResponseWriter, r *http.Request) error {
	if len(r.CookiesNamed(b.jar.name(sessionCookie))) > 0 {
		b.jar.clear(w, sessionCookie)
		b.newState(w, time.Time{})
	}
	if len(r.CookiesNamed(b.jar.name(accountsCookie))) == 0 {
		return nil
	}
	_, others, err := b.held(r)
	if err != nil {
		return err
	}
	b.keepOthers(w, r, others)
	return nil
}
