package recovery_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/internal/mail"
	"signet/internal/seal"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/factor"
	"signet/users/recovery"
	"signet/users/userstest"
)

const wait = 72 * time.Hour

// post keeps emails.
type post struct {
	mu     sync.Mutex
	emails []mail.Email
	full   bool
}

func (p *post) Put(_ context.Context, l mail.Email) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.emails = append(p.emails, l)
	return nil
}

func (p *post) Allowed(context.Context, mail.Request) (bool, error) { return !p.full, nil }

// of gives the newest email of a kind, and how many there were.
func (p *post) of(kind string) (last mail.Email, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.emails {
		if l.Kind == kind {
			last, n = l, n+1
		}
	}
	return last, n
}

func secretOf(t testing.TB, l mail.Email) string {
	t.Helper()
	u, err := url.Parse(l.Link)
	if err != nil || !strings.HasPrefix(l.Link, "https://id.example.com/recover/") {
		t.Fatalf("link %q, %v", l.Link, err)
	}
	return u.Query().Get("t")
}

type world struct {
	*recovery.Service
	people  userstest.World
	factors *factor.Service
	post    *post
	ada     storage.User
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB, db *storage.DB) world {
	t.Helper()
	w := world{post: new(post)}
	w.people = userstest.New(t, db, func(o *users.Options) { o.Post = w.post })
	master, err := seal.New([]byte("a-master-key-of-thirty-two-bytes"))
	must(t, err)
	w.factors, err = factor.New(factor.Options{
		Stores: factor.StoresOf(db), Ways: w.people.Ways, Audit: w.people.Audit, Tickets: w.people.Tickets, Sealer: master, Place: seal.Place,
		Notices: w.people.Service, Issuer: "Signet",
	})
	must(t, err)
	w.Service, err = recovery.New(recovery.Options{
		Store: db, Ways: w.people.Ways, Audit: w.people.Audit, Tickets: w.people.Tickets, People: w.people.Service,
		Mail: w.people.Service, Factors: w.factors, Wait: wait,
	})
	must(t, err)
	w.ada = w.people.Person(t, "ada@example.com")
	for id, kind := range map[string]string{"t": "totp", "p": "passkey", "r": "recovery"} {
		must(t, db.InsertCredential(t.Context(), storage.Credential{ID: id, UserID: w.ada.ID, Kind: kind, Handle: id, CreatedAt: time.Now()}))
	}
	return w
}

func inBubble(t *testing.T, test func(t *testing.T, w world)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		test(t, newWorld(t, db))
	})
}

// begin goes as far as the wait.
func (w world) begin(t testing.TB) (stop string) {
	t.Helper()
	must(t, w.SendCode(t.Context(), "interaction", w.ada))
	l, _ := w.post.of(mail.Code)
	must(t, w.Start(t.Context(), "interaction", w.ada, l.Code))
	l, _ = w.post.of(mail.RecoveryStarted)
	return secretOf(t, l)
}

// due runs the job and gives the newest link.
func (w world) due(t testing.TB, want int) (finish string) {
	t.Helper()
	n, err := w.Due(t.Context())
	if err != nil || n != want {
		t.Fatalf("mailed %d links, want %d; %v", n, want, err)
	}
	if want == 0 {
		return ""
	}
	l, _ := w.post.of(mail.RecoveryReady)
	return secretOf(t, l)
}

func (w world) has(t testing.TB) factor.Enrolled {
	t.Helper()
	have, err := w.factors.Of(t.Context(), w.ada.ID)
	must(t, err)
	return have
}

func (w world) state(t testing.TB) recovery.State {
	t.Helper()
	u, err := w.people.Show(t.Context(), w.ada.ID)
	must(t, err)
	st, err := w.Of(t.Context(), u)
	must(t, err)
	return st
}

func gone(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, recovery.ErrGone) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestFromTheCodeToTheLink(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		if st := w.state(t); !st.On || !st.ReadyAt.IsZero() {
			t.Fatalf("before: %+v", st)
		}
		stop := w.begin(t)
		if st := w.state(t); st.Ready || !st.ReadyAt.Equal(time.Now().Add(wait)) {
			t.Errorf("while waiting: %+v", st)
		}
		must(t, w.LookStop(t.Context(), stop))
		gone(t, "sending a link again before the time", w.Resend(t.Context(), w.ada))
		time.Sleep(wait - time.Second)
		w.due(t, 0)
		time.Sleep(time.Second)
		first := w.due(t, 1)
		w.due(t, 0)
		if st := w.state(t); !st.Ready {
			t.Errorf("after the wait: %+v", st)
		}
		time.Sleep(6 * 24 * time.Hour)
		must(t, w.Resend(t.Context(), w.ada))
		l, _ := w.post.of(mail.RecoveryReady)
		finish := secretOf(t, l)
		gone(t, "the link before", w.LookFinish(t.Context(), first)) // D05: newest voids older
		must(t, w.LookFinish(t.Context(), finish))
		if !w.has(t).TOTP {
			t.Fatal("looking at the link removes the factors")
		}
		must(t, w.Finish(t.Context(), finish))
		if have := w.has(t); have != (factor.Enrolled{}) {
			t.Errorf("left: %+v", have)
		}
		if _, n := w.post.of(mail.FactorRemoved); n != 2 {
			t.Errorf("%d emails about removed factors", n)
		}
		u, err := w.people.Show(t.Context(), w.ada.ID)
		if err != nil || u.Epoch == w.ada.Epoch {
			t.Errorf("sessions go on: epoch %d, %v", u.Epoch, err)
		}
		gone(t, "the link again", w.Finish(t.Context(), finish))
		gone(t, "stopping what is over", w.Stop(t.Context(), stop))
	})
}

func TestAnOperatorRemovesFactorsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		w.begin(t)
		must(t, w.Remove(t.Context(), factor.ForOperator(w.ada.ID, factor.ResetFactors)))
		u, err := w.people.Show(t.Context(), w.ada.ID)
		if err != nil || u.Epoch == w.ada.Epoch || w.has(t) != (factor.Enrolled{}) {
			t.Errorf("epoch %d, %+v, %v", u.Epoch, w.has(t), err)
		}
		if _, n := w.post.of(mail.FactorRemoved); n != 2 || !w.state(t).ReadyAt.IsZero() {
			t.Errorf("%d emails, %+v", n, w.state(t))
		}
		time.Sleep(wait)
		w.due(t, 0)
	})
}

func TestLinkExpiresAfterSevenDays(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		w.begin(t)
		time.Sleep(wait)
		finish := w.due(t, 1)
		time.Sleep(7 * 24 * time.Hour)
		gone(t, "an old link", w.Finish(t.Context(), finish))
		if st := w.state(t); !st.ReadyAt.IsZero() || !w.has(t).TOTP {
			t.Errorf("%+v", st)
		}
	})
}

func TestWhatEndsTheWait(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w world, stop string){
		"the link of the first email": func(t *testing.T, w world, stop string) {
			must(t, w.Stop(t.Context(), stop))
			gone(t, "stopping twice", w.Stop(t.Context(), stop))
		},
		"a sign-in with two factors": func(t *testing.T, w world, _ string) { must(t, w.Cancel(t.Context(), w.ada.ID)) },
		"a new password": func(t *testing.T, w world, _ string) {
			must(t, w.people.SetPassword(t.Context(), factor.ForOperator(w.ada.ID, factor.ResetPassword), "difference engine"))
		},
		"an operator": func(t *testing.T, w world, _ string) { must(t, w.people.Disable(t.Context(), w.ada.ID)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w world) { // while it runs
				stop := w.begin(t)
				end(t, w, stop)
				if st := w.state(t); !st.ReadyAt.IsZero() {
					t.Errorf("%+v", st)
				}
				time.Sleep(wait)
				w.due(t, 0)
			})
			inBubble(t, func(t *testing.T, w world) { // and when it is over
				stop := w.begin(t)
				time.Sleep(wait)
				finish := w.due(t, 1)
				end(t, w, stop)
				gone(t, "the link", w.LookFinish(t.Context(), finish))
				gone(t, "the link", w.Finish(t.Context(), finish))
				if !w.has(t).TOTP {
					t.Error("the factors are removed")
				}
			})
		})
	}
}

func TestG02_TheMailedCodeCannotBeGuessed(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		must(t, w.SendCode(t.Context(), "interaction", w.ada))
		l, _ := w.post.of(mail.Code)
		gone(t, "the code in another browser", w.Start(t.Context(), "other", w.ada, l.Code))
		wrong := "000000"
		if l.Code == wrong {
			wrong = "000001"
		}
		for range 5 {
			if err := w.Start(t.Context(), "interaction", w.ada, wrong); !errors.Is(err, recovery.ErrWrong) {
				t.Fatalf("a wrong code: %v", err)
			}
		}
		gone(t, "the right code after five wrong ones", w.Start(t.Context(), "interaction", w.ada, l.Code))
		must(t, w.SendCode(t.Context(), "interaction", w.ada))
		l, _ = w.post.of(mail.Code)
		time.Sleep(10 * time.Minute)
		gone(t, "an old code", w.Start(t.Context(), "interaction", w.ada, l.Code))
		w.post.full = true // D07
		must(t, w.SendCode(t.Context(), "interaction", w.ada))
		if _, n := w.post.of(mail.Code); n != 2 {
			t.Errorf("%d codes were mailed", n)
		}
		if st := w.state(t); !st.ReadyAt.IsZero() {
			t.Errorf("%+v", st)
		}
	})
}

func TestWhoCannotRecoverByEmail(t *testing.T) {
	inBubble(t, func(t *testing.T, w world) {
		unverified, disabled := w.ada, w.ada
		unverified.EmailVerified, disabled.DisabledAt = false, time.Now()
		for name, u := range map[string]storage.User{"unverified address": unverified, "disabled": disabled} {
			if err := w.SendCode(t.Context(), "interaction", u); !errors.Is(err, recovery.ErrOff) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.Wait = 0
		if err := w.SendCode(t.Context(), "interaction", w.ada); !errors.Is(err, recovery.ErrOff) {
			t.Errorf("no wait configured: %v", err)
		}
		if _, n := w.post.of(mail.Code); n != 0 {
			t.Errorf("%d codes were mailed", n)
		}
	})
}

// atOnce runs f eight times at once and counts how often it succeeds; all else must be ErrGone.
func atOnce(t *testing.T, f func(ctx context.Context) error) int32 {
	t.Helper()
	var good atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := f(t.Context()); {
			case err == nil:
				good.Add(1)
			case !errors.Is(err, recovery.ErrGone):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return good.Load()
}

func TestD05_EachStepHappensOnceHoweverOftenAtOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		w.Wait = time.Nanosecond
		must(t, w.SendCode(t.Context(), "interaction", w.ada))
		code, _ := w.post.of(mail.Code)
		var tries atomic.Int32 // five guesses are all there is
		if n := atOnce(t, func(ctx context.Context) error {
			if tries.Add(1) > 4 {
				return recovery.ErrGone
			}
			return w.Start(ctx, "interaction", w.ada, code.Code)
		}); n != 1 {
			t.Errorf("one code counts %d times", n)
		}
		started, n := w.post.of(mail.RecoveryStarted)
		if n != 1 {
			t.Errorf("%d emails at the beginning", n)
		}
		var mailed atomic.Int32
		atOnce(t, func(ctx context.Context) error {
			n, err := w.Due(ctx)
			mailed.Add(int32(n))
			return err
		})
		if mailed.Load() != 1 {
			t.Errorf("%d links are mailed", mailed.Load())
		}
		l, _ := w.post.of(mail.RecoveryReady)
		finish, stop := secretOf(t, l), secretOf(t, started)
		var finished, stopped atomic.Int32
		var odd atomic.Int32
		atOnce(t, func(ctx context.Context) error {
			act, won := w.Finish, &finished
			secret := finish
			if odd.Add(1)%2 == 0 {
				act, won, secret = w.Stop, &stopped, stop
			}
			err := act(ctx, secret)
			if err == nil {
				won.Add(1)
			}
			return err
		})
		if finished.Load()+stopped.Load() != 1 {
			t.Errorf("finished %d times, stopped %d times", finished.Load(), stopped.Load())
		}
		if w.has(t).TOTP != (stopped.Load() == 1) {
			t.Errorf("stopped %d times, and the person has %+v", stopped.Load(), w.has(t))
		}
	})
}
