package firstrun_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/server/servertest"
	"signet/users"
	"signet/users/firstrun"
	"signet/users/membership"
)

const secretOfNobody = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func registration(email string) users.Registration {
	return users.Registration{Name: "Ada", Email: email, Method: users.WithPassword(servertest.NewPassword)}
}

// Many use one link at once, at two replicas: one account, one administrator.
func TestOneLinkMakesOneAdministrator(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		one := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		two := servertest.New(t, servertest.On(one.Services().DB), servertest.HandlerOnly(), servertest.Quiet())
		secret, err := one.Services().FirstRun.Link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for i, name := range []string{"ada", "bob", "eve", "joe", "kim", "lea"} {
			on := []*servertest.Server{one, two}[i%2]
			wg.Go(func() {
				_, err := on.Services().FirstRun.Make(t.Context(), secret, registration(name+"@example.com"))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, firstrun.ErrGone):
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		people, _, err := one.Services().Members.Holders(t.Context(), membership.Admin)
		if all, listErr := one.Services().People.List(t.Context(), "", 10); won.Load() != 1 || err != nil || len(people) != 1 || len(all) != 1 ||
			listErr != nil {
			t.Fatalf("%d made, administrators %v, %v, people %d, %v", won.Load(), people, err, len(all), listErr)
		}
		if _, err := two.Services().FirstRun.Link(t.Context()); !errors.Is(err, firstrun.ErrClosed) {
			t.Errorf("another link: %v", err)
		}
	})
}

// Replicas that start at once show a link each; the last one is good, and it alone.
func TestALaterLinkReplacesTheOneBefore(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		secrets := make([]string, 4)
		var wg sync.WaitGroup
		for i := range secrets {
			wg.Go(func() {
				var err error
				if secrets[i], err = s.Services().FirstRun.Link(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		good := 0
		for _, secret := range secrets {
			if err := s.Services().FirstRun.Look(t.Context(), secret); err == nil {
				good++
			} else if !errors.Is(err, firstrun.ErrGone) {
				t.Error(err)
			}
		}
		if good != 1 {
			t.Errorf("%d links are good", good)
		}
	})
}

// Whoever gives the role admin, by whatever road, closes it, also once that administrator has gone.
func TestOnceThereWasAnAdministratorThereIsNoLink(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for road, give := range map[string]func(s *servertest.Server, p servertest.Person) error{
			"a person": func(s *servertest.Server, p servertest.Person) error {
				_, err := s.Services().Members.Give(t.Context(), membership.Admin, membership.Holder{UserID: p.ID})
				return err
			},
			"a group": func(s *servertest.Server, _ servertest.Person) error {
				if err := s.Services().Members.CreateGroup(t.Context(), "bosses", ""); err != nil {
					return err
				}
				_, err := s.Services().Members.Give(t.Context(), membership.Admin, membership.Holder{Group: "bosses"})
				return err
			},
		} {
			t.Run(road, func(t *testing.T) {
				s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
				h := s.Services()
				secret, err := h.FirstRun.Link(t.Context())
				if err == nil {
					err = h.Members.CreateRole(t.Context(), membership.Admin, "")
				}
				if err == nil {
					err = give(s, s.Person(t, "ada@example.com"))
				}
				if err == nil {
					err = h.DB.DeleteRole(t.Context(), membership.Admin)
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, err := h.FirstRun.Make(t.Context(), secret, registration("eve@example.com")); !errors.Is(err, firstrun.ErrGone) {
					t.Errorf("the link from before: %v", err)
				}
				if _, err := h.FirstRun.Link(t.Context()); !errors.Is(err, firstrun.ErrClosed) {
					t.Errorf("another link: %v", err)
				}
				if open, err := h.FirstRun.Open(t.Context()); open || err != nil {
					t.Errorf("open: %t, %v", open, err)
				}
			})
		}
	})
}

// An administrator made at the command line while the link is used: one of the two at most comes by the link, and it is used up.
func TestTheLinkRacesTheCommandLine(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		p := s.Person(t, "boss@example.com")
		secret, err := s.Services().FirstRun.Link(t.Context())
		if err == nil {
			err = s.Services().Members.CreateRole(t.Context(), membership.Admin, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var made, given error
		wg.Go(func() { _, made = s.Services().FirstRun.Make(t.Context(), secret, registration("ada@example.com")) })
		wg.Go(func() {
			_, given = s.Services().Members.Give(t.Context(), membership.Admin, membership.Holder{UserID: p.ID})
		})
		wg.Wait()
		if given != nil || made != nil && !errors.Is(made, firstrun.ErrGone) {
			t.Errorf("the link: %v; the command line: %v", made, given)
		}
		people, _, err := s.Services().Members.Holders(t.Context(), membership.Admin)
		if want := map[bool]int{true: 2, false: 1}[made == nil]; err != nil || len(people) != want {
			t.Errorf("administrators %v, %v; want %d", people, err, want)
		}
		if err := s.Services().FirstRun.Look(t.Context(), secret); !errors.Is(err, firstrun.ErrGone) {
			t.Errorf("the link after it: %v", err)
		}
	})
}

func TestALinkEndsAfterThirtyMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
		secret, err := s.Services().FirstRun.Link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(firstrun.Life - time.Second)
		if err := s.Services().FirstRun.Look(t.Context(), secret); err != nil {
			t.Errorf("a second before: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := s.Services().FirstRun.Make(t.Context(), secret, registration("ada@example.com")); !errors.Is(err, firstrun.ErrGone) {
			t.Errorf("after its time: %v", err)
		}
	})
}

// V05: what cannot be guessed is checked first, and only failures are slowed down: ten a minute from one network.
func TestV05_WrongLinksAreSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
		h := s.Services()
		ctx := audit.WithOrigin(t.Context(), audit.Origin{Network: "203.0.113.0/24"})
		for range 20 { // while there is no link nothing is counted
			if err := h.FirstRun.Look(ctx, secretOfNobody); !errors.Is(err, firstrun.ErrGone) {
				t.Fatal(err)
			}
		}
		secret, err := h.FirstRun.Link(ctx)
		if err != nil {
			t.Fatal(err)
		}
		slowed := func(err error) bool { _, is := errors.AsType[*ratelimit.Throttled](err); return is }
		n := 0
		for ; n < 20 && !slowed(h.FirstRun.Look(ctx, secretOfNobody)); n++ {
		}
		if n != 10 {
			t.Errorf("%d wrong tries in one minute", n)
		}
		if err := h.FirstRun.Look(ctx, secret); err != nil {
			t.Errorf("the right one from the same network: %v", err)
		}
		other := audit.WithOrigin(t.Context(), audit.Origin{Network: "198.51.100.0/24"})
		if err := h.FirstRun.Look(other, secretOfNobody); slowed(err) {
			t.Errorf("another network: %v", err)
		}
		time.Sleep(61 * time.Second)
		if err := h.FirstRun.Look(ctx, secretOfNobody); slowed(err) {
			t.Errorf("after a minute: %v", err)
		}
	})
}
