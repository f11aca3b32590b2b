package users_test

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"signet/internal/mail"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/factor"
	"signet/users/password"
)

// secretOf is the secret of a link.
func secretOf(t testing.TB, link string) string {
	t.Helper()
	_, secret, ok := strings.Cut(link, "?t=")
	if !ok {
		t.Fatalf("link %q", link)
	}
	return secret
}

// asked is the email that a request for an account leads to.
func (w world) asked(t testing.TB, p *pile, r users.Registration, browser string) mail.Email {
	t.Helper()
	if err := w.RequestAccount(t.Context(), r, browser, ""); err != nil {
		t.Fatal(err)
	}
	l, ok, err := w.Resolve(t.Context(), p.emails[len(p.emails)-1])
	if err != nil || !ok {
		t.Fatalf("email to %q: %v", r.Email, err)
	}
	return l
}

const browserOfAda = "mark of a browser"

// parts makes the parts of registrations by their names. People ask and are invited where sign-up is open.
type parts struct {
	open  world
	pile  *pile
	wrote int // credentials
}

func (p *parts) registration(t testing.TB, email, voucher, verification, method string) users.Registration {
	t.Helper()
	r := users.Registration{Name: "Ada Lovelace", Email: email}
	switch voucher {
	case "upstream":
		r.Voucher = users.VouchedByUpstream()
	case "invitation":
		_, link, err := p.open.Invite(t.Context(), users.Invitation{Email: email, Mailed: true})
		if err != nil {
			t.Fatal(err)
		}
		r.Voucher = users.VouchedByInvitation(secretOf(t, link))
	case "operator":
		r.Voucher = users.VouchedByOperator()
	}
	switch verification {
	case "link":
		l := p.open.asked(t, p.pile, users.Registration{Name: r.Name, Email: email}, browserOfAda)
		r.Verification = users.VerifiedByLink(secretOf(t, l.Link), browserOfAda)
	case "upstream":
		r.Verification = users.VerifiedByUpstream()
	case "operator":
		r.Verification = users.VerifiedByOperator()
	}
	switch method {
	case "password":
		r.Method = users.WithPassword(rightPassword)
	case "credential":
		r.Method = users.WithCredential(rand.Text(), func(context.Context, factor.Proof) error { p.wrote++; return nil })
	}
	return r
}

// made is what comes of a registration.
type made struct {
	verified bool
	closed   bool // refused where sign-up is closed
	events   string
}

// registrations are those that can be, by voucher, verification and method. All others are refused.
var registrations = map[[3]string]made{
	{"self", "none", "password"}:             {closed: true, events: "signup.succeeded"},
	{"self", "none", "credential"}:           {closed: true, events: "signup.succeeded"},
	{"self", "link", "password"}:             {closed: true, verified: true, events: "email.proven signup.succeeded"},
	{"self", "link", "credential"}:           {closed: true, verified: true, events: "email.proven signup.succeeded"},
	{"self", "upstream", "credential"}:       {closed: true, verified: true, events: "email.proven signup.succeeded"},
	{"upstream", "none", "credential"}:       {events: "signup.succeeded"},
	{"upstream", "upstream", "credential"}:   {verified: true, events: "email.proven signup.succeeded"},
	{"invitation", "none", "password"}:       {verified: true, events: "signup.succeeded"},
	{"invitation", "none", "credential"}:     {verified: true, events: "signup.succeeded"},
	{"invitation", "upstream", "credential"}: {verified: true, events: "signup.succeeded"},
	{"operator", "none", "none"}:             {events: "user.created"},
	{"operator", "none", "password"}:         {events: "user.created"},
	{"operator", "none", "credential"}:       {events: "user.created"}, // by the link of users/firstrun
	{"operator", "operator", "none"}:         {verified: true, events: "user.created"},
	{"operator", "operator", "password"}:     {verified: true, events: "user.created"},
}

func TestD12_WhoVouchesHowTheAddressIsVerifiedAndByWhatOneSignsIn(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db, emails := open(t), &pile{}
		p := &parts{pile: emails, open: newWorld(t, db, settings{post: emails, signup: users.Signup{Invites: true}})}
		closed := newWorld(t, db, settings{post: emails, signup: users.Signup{Closed: true, Invites: true}})
		n := 0
		for _, voucher := range []string{"self", "upstream", "invitation", "operator"} {
			for _, verification := range []string{"none", "link", "upstream", "operator"} {
				for _, method := range []string{"none", "password", "credential"} {
					for _, w := range []world{p.open, closed} {
						n++
						t.Run(fmt.Sprintf("%s_%s_%s_%t", voucher, verification, method, w == closed), func(t *testing.T) {
							p.wrote = 0
							r := p.registration(t, fmt.Sprintf("p%d@example.org", n), voucher, verification, method)
							u, err := w.CreateAccount(t.Context(), r)
							want, can := registrations[[3]string{voucher, verification, method}]
							switch {
							case !can:
								if err == nil {
									t.Error("it is made, though its parts contradict each other")
								}
							case want.closed && w == closed:
								if !errors.Is(err, users.ErrClosed) {
									t.Errorf("got %v, want ErrClosed", err)
								}
							case err != nil:
								t.Fatal(err)
							default:
								p.check(t, u, r, want, method)
							}
							if err != nil && p.wrote > 0 {
								t.Error("a credential was written")
							}
						})
					}
				}
			}
		}
	})
}

// check reads the account that was made.
func (p *parts) check(t *testing.T, u storage.User, r users.Registration, want made, method string) {
	t.Helper()
	got, err := p.open.Show(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Email != r.Email || got.EmailVerified != want.verified {
		t.Errorf("address %s, verified %t", got.Email, got.EmailVerified)
	}
	events := map[string]int{}
	for name := range strings.FieldsSeq(want.events) {
		events[name] = 1
	}
	if list := p.open.events(t, u.ID); !maps.Equal(list, events) {
		t.Errorf("events %v, want %v", list, events)
	}
	counts, err := p.open.db.CountCredentials(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	passwords, credentials := 0, 0
	switch method {
	case "password":
		passwords = 1
	case "credential":
		credentials = 1
	}
	if counts["password"] != passwords || p.wrote != credentials {
		t.Errorf("%d passwords and %d other credentials, want %d and %d", counts["password"], p.wrote, passwords, credentials)
	}
}

func TestD02_TheFirstVerificationVoidsAllOthersOfTheAddress(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		emails := &pile{}
		p := &parts{pile: emails, open: newWorld(t, open(t), settings{post: emails, signup: users.Signup{Invites: true}})}
		for _, first := range [][3]string{
			{"self", "link", "password"}, {"self", "upstream", "credential"}, {"invitation", "none", "password"},
		} {
			email := first[0] + first[1] + "@example.org"
			r := p.registration(t, email, first[0], first[1], first[2])
			waiting := p.open.asked(t, emails, users.Registration{Name: "Eve", Email: email, Method: users.WithPassword("of somebody else")},
				"another")
			if _, err := p.open.CreateAccount(t.Context(), r); err != nil {
				t.Fatal(first, err)
			}
			if _, err := p.open.LookSignup(t.Context(), secretOf(t, waiting.Link)); !errors.Is(err, users.ErrGone) {
				t.Errorf("%v: the other link: %v, want ErrGone", first, err)
			}
		}
	})
}

func TestD03_OnlyTheBrowserThatAskedKeepsItsPassword(t *testing.T) {
	emails := &pile{}
	w := newWorld(t, storagetest.SQLite(t), settings{post: emails})
	for i, tt := range []struct {
		browser, typed, opens string
		fields                []users.Field
	}{
		{browserOfAda, "", rightPassword, nil},
		{browserOfAda, "another engine", rightPassword, nil},
		{"another", "", "", []users.Field{users.FieldPassword}},
		{"another", "short", "", []users.Field{users.FieldPassword}},
		{"another", "another engine", "another engine", nil},
		{"", "another engine", "another engine", nil},
	} {
		r := users.Registration{Name: "Ada", Email: fmt.Sprintf("p%d@example.org", i), Method: users.WithPassword(rightPassword)}
		l := w.asked(t, emails, r, browserOfAda)
		_, err := w.CreateAccount(t.Context(), users.Registration{
			Verification: users.VerifiedByLink(secretOf(t, l.Link), tt.browser), Method: users.WithPassword(tt.typed),
		})
		if tt.fields != nil {
			fieldsOf(t, err)
			continue
		}
		if err != nil {
			t.Fatal(i, err)
		}
		if _, err := w.try(t, users.Attempt{Login: r.Email, Password: tt.opens}); err != nil {
			t.Errorf("%d: the password %q: %v", i, tt.opens, err)
		}
	}
}

func TestALinkWhoseUserNameIsTakenMakesTheAccountWithoutOne(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		emails := &pile{}
		w := newWorld(t, open(t), settings{post: emails})
		r := ada()
		r.Username = "ada"
		l := w.asked(t, emails, r, browserOfAda)
		if _, err := w.CreateAccount(t.Context(), byOperator(users.Registration{Email: "quicker@example.org", Username: "ADA"})); err != nil {
			t.Fatal(err)
		}
		u, err := w.CreateAccount(t.Context(), users.Registration{
			Verification: users.VerifiedByLink(secretOf(t, l.Link), browserOfAda), Method: users.WithPassword(""),
		})
		if err != nil || u.Username != "" || u.UsernameKey != "" {
			t.Errorf("user name %q, %v", u.Username, err)
		}
	})
}

func TestNoAccountIsMadeWhereItsCredentialIsNotWritten(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		r, failed := ada(), errors.New("not written")
		r.Method = users.WithCredential("id", func(context.Context, factor.Proof) error { return failed })
		if _, err := w.CreateAccount(t.Context(), r); !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
		if _, err := w.Show(t.Context(), "id"); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("the account: %v", err)
		}
		for name, m := range map[string]users.SignInMethod{
			"no_id": users.WithCredential("", func(context.Context, factor.Proof) error { return nil }), "no_row": users.WithCredential("id", nil),
		} {
			r.Method = m
			if _, err := w.CreateAccount(t.Context(), r); err == nil {
				t.Errorf("%s: an account is made", name)
			}
		}
	})
}

func TestD04_NothingButAPasswordsHashWaitsForTheVerification(t *testing.T) {
	emails := &pile{}
	w := newWorld(t, storagetest.SQLite(t), settings{post: emails})
	write := func(context.Context, factor.Proof) error { return nil }
	for name, change := range map[string]func(r *users.Registration){
		"credential": func(r *users.Registration) { r.Method = users.WithCredential("id", write) },
		"verified":   func(r *users.Registration) { r.Verification = users.VerifiedByUpstream() },
		"invited":    func(r *users.Registration) { r.Voucher = users.VouchedByInvitation("secret") },
		"operator":   func(r *users.Registration) { r.Voucher = users.VouchedByOperator() },
		"upstream":   func(r *users.Registration) { r.Voucher = users.VouchedByUpstream() }, // with a password
	} {
		r := ada()
		change(&r)
		if err := w.RequestAccount(t.Context(), r, browserOfAda, ""); err == nil || len(emails.emails) > 0 {
			t.Errorf("%s: %v, %d emails", name, err, len(emails.emails))
		}
	}
}

func TestN05_AnUpstreamVerifiesNoOtherAddressThanItsOwn(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{signup: users.Signup{Invites: true}})
	for email, want := range map[string]bool{
		"ada@example.org": true, "ADA@example.ORG": true, "eve@example.org": false, "not an address": false,
	} {
		_, link, err := w.Invite(t.Context(), users.Invitation{Email: "ada@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := w.CreateAccount(t.Context(), users.Registration{
			Name: "Ada", Email: email, Voucher: users.VouchedByInvitation(secretOf(t, link)), Verification: users.VerifiedByUpstream(),
			Method: users.WithCredential(rand.Text(), func(context.Context, factor.Proof) error { return nil }),
		})
		if err != nil || u.Email != "ada@example.org" || u.EmailVerified != want {
			t.Errorf("%s: %s, verified %t, %v", email, u.Email, u.EmailVerified, err)
		}
		if err := w.db.EraseUser(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// breached is a password.List of one.
type breached string

func (b breached) Has(_ context.Context, digest [sha1.Size]byte) (bool, error) {
	return digest == sha1.Sum([]byte(b)), nil
}

func TestE07_ABreachedPasswordMakesNoAccount(t *testing.T) {
	emails := &pile{}
	w := newWorld(t, storagetest.SQLite(t), settings{
		post: emails, signup: users.Signup{Invites: true}, passwords: password.Options{Lists: []password.List{breached(rightPassword)}},
	})
	p := &parts{pile: emails, open: w}
	for _, parts := range [][3]string{
		{"self", "none", "password"}, {"self", "link", "password"}, {"invitation", "none", "password"}, {"operator", "none", "password"},
	} {
		r := p.registration(t, parts[0]+parts[1]+"@example.org", parts[0], parts[1], parts[2])
		if _, err := w.CreateAccount(t.Context(), r); !errors.Is(err, password.ErrBreached) {
			t.Errorf("%v: got %v, want ErrBreached", parts, err)
		}
	}
	if err := w.RequestAccount(t.Context(), ada(), browserOfAda, ""); !errors.Is(err, password.ErrBreached) {
		t.Errorf("asked for: got %v, want ErrBreached", err)
	}
}
