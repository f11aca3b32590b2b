package account_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"signet/config"
	"signet/server/account"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/factor"
)

// late are credentials of an account that changes between the permission and the act.
type late struct {
	account.Credentials
	err error
}

func (l *late) ChangeAddress(context.Context, factor.Permit, storage.User, string) (bool, error) {
	return false, fmt.Errorf("change address: %w", l.err)
}

func TestAnActOnAnAccountThatChangedMeanwhileIsToldSo(t *testing.T) {
	l := &late{}
	h := newFixture(t, "http://localhost:9400", func(o *account.Options) { l.Credentials, o.Credentials = o.Credentials, l })
	b, _ := h.signedIn(t, h.person(t, "ada@example.com"), "")
	for _, l.err = range []error{factor.ErrChanged, factor.ErrNotAllowed, factor.ErrConfirm, factor.ErrLast, factor.ErrNeeded} {
		b.post(t, "/account/email", "username", "countess@example.com").want(t, http.StatusConflict, "Your account has changed")
	}
	l.err = storage.ErrUnavailable
	b.post(t, "/account/email", "username", "countess@example.com").want(t, http.StatusServiceUnavailable)
}

// atOnce lets two acts of somebody with an authenticator and a passkey meet, and gives what is left.
func atOnce(t *testing.T, s *servertest.Server, email, other string) map[string]int {
	t.Helper()
	ada := s.Person(t, email)
	a := s.AddAuthenticator(t, ada)
	s.AddPasskey(t, ada)
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada).Submit(t, "factor-submit", url.Values{"code": {a.Code(t)}})
	list, err := s.Services().DB.Credentials(t.Context(), ada.ID, factor.KindPasskey)
	if err != nil || len(list) != 1 {
		t.Fatal(err, len(list), b.URL)
	}
	one, two := b.Tab(t), b.Tab(t)
	var both sync.WaitGroup
	both.Go(func() { one.Post(t, "/account/second-step/remove", url.Values{}) })
	both.Go(func() { two.Post(t, other, url.Values{"passkey": {list[0].ID}}) })
	both.Wait()
	if one.Status >= http.StatusInternalServerError || two.Status >= http.StatusInternalServerError {
		t.Errorf("%d at %s, %d at %s", one.Status, one.URL, two.Status, two.URL)
	}
	have, err := s.Services().DB.CountCredentials(t.Context(), ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	return have
}

func TestTwoActsAtOnceOfOneAccount(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(),
		servertest.Change(func(c *config.Config) { c.Factors.Required = config.FactorsEveryone }))
	for n := range 4 {
		have := atOnce(t, s, fmt.Sprintf("ada%d@example.com", n), "/account/passkeys/remove")
		if have[factor.KindTOTP]+have[factor.KindPasskey] != 1 {
			t.Errorf("left: %v", have)
		}
		atOnce(t, s, fmt.Sprintf("bob%d@example.com", n), "/account/recovery-codes")
	}
}

// Whoever sets an authenticator app up has just shown it: the session is one of two factors from then on, and nothing is asked for again.
func TestSettingAnAuthenticatorUpMakesTheSessionOneOfTwoFactors(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		session := func() storage.Session {
			list, err := s.Services().DB.SessionsOfUser(t.Context(), ada.ID, time.Now(), 10)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			return list[0]
		}
		then := session()
		b.AddAuthenticator(t)
		if b.Get(t, "/account/second-step").Submit(t, "codes-make", nil); !b.Has("codes-next") {
			t.Errorf("what comes next asks again: %s", b.URL)
		}
		now := session()
		if now.ACR != "2" || !slices.Contains(now.AMR, "mfa") || !slices.Contains(now.AMR, "pwd") {
			t.Errorf("acr %q, amr %q", now.ACR, now.AMR)
		}
		if !now.AuthTime.Equal(then.AuthTime) { // whoever came upon the browser could set up a factor of their own
			t.Errorf("setting a factor up counts as a sign-in: %v, was %v", now.AuthTime, then.AuthTime)
		}
		if now.ID != then.ID || now.SecretHash == then.SecretHash {
			t.Errorf("the session is another, or keeps its secret: %+v, was %+v", now, then)
		}
	})
}
