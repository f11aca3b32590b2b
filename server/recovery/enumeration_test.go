package recovery_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"signet/audit"
	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/users"
)

func TestD01_E12_NobodyLearnsWhoHasAnAccount(t *testing.T) {
	s, box := servertest.NewWithMail(t, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
	s.Person(t, "ada@example.com")
	gone := s.Person(t, "eve@example.com")
	if err := s.Services().People.Disable(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func(b *servertest.Browser, email string){
		"forgot": func(b *servertest.Browser, email string) {
			b.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {email}})
		},
		"code": func(b *servertest.Browser, email string) {
			b.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {email}})
		},
		"sign-up": func(b *servertest.Browser, email string) {
			b.Get(t, "/signin").SignUp(t, "Somebody", email, servertest.NewPassword)
		},
	} {
		answers := map[string]string{}
		for _, email := range []string{"ada@example.com", "bob@example.com", "eve@example.com"} {
			b := s.Browser(t)
			ask(b, email)
			if b.Status != http.StatusOK {
				t.Errorf("%s %s: %d: %s", name, email, b.Status, b.Text("main"))
			}
			answers[b.BodyWithout(email)] += email + " "
		}
		if len(answers) != 1 {
			t.Errorf("%s: answers differ: %v", name, answers)
		}
	}
	kinds := map[string]int{}
	for range 4 { // ada: reset, code, you have one; bob: verify
		for _, to := range []string{"ada@example.com", "bob@example.com"} {
			if to == "bob@example.com" && kinds[to] == 1 || kinds[to] == 3 {
				continue
			}
			box.Wait(t, to)
			kinds[to]++
		}
	}
	box.None(t, "eve@example.com")
	if kinds["ada@example.com"] != 3 || kinds["bob@example.com"] != 1 {
		t.Errorf("emails %v", kinds)
	}
}

// What a stranger asks for costs the same whoever is meant: the clock tells no more than the page.
func TestD01_E12_AskingCostsTheSameForAll(t *testing.T) {
	s, _ := servertest.NewWithMail(t)
	s.Person(t, "ada@example.com")
	gone := s.Person(t, "eve@example.com")
	if err := s.Services().People.Disable(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	people := s.Services().People
	for name, ask := range map[string]func(ctx context.Context, email string) error{
		"reset": func(ctx context.Context, email string) error { return people.AskReset(ctx, email, "", "", nil) },
		"code":  func(ctx context.Context, email string) error { return people.AskCode(ctx, email, "browser", nil) },
		"reset in a known browser": func(ctx context.Context, email string) error {
			return people.AskReset(ctx, email, "m", "i", func(string) string { return "" })
		},
		"sign-up": func(ctx context.Context, email string) error {
			return people.RequestAccount(ctx, users.Registration{Name: "Somebody", Email: email,
				Method: users.WithPassword(servertest.NewPassword)}, "browser", "")
		},
	} {
		costs := map[string]string{}
		for i, email := range []string{"ada@example.com", "bob@example.com", "eve@example.com"} {
			origin := audit.Origin{Network: fmt.Sprintf("192.0.%d.0/24", i)}
			ctx, stats := storage.WithStats(audit.WithOrigin(t.Context(), origin))
			if err := ask(ctx, email); err != nil {
				t.Fatal(name, email, err)
			}
			costs[fmt.Sprintf("%d reads, %d writes", stats.Reads(), stats.Writes())] += email + " "
		}
		if len(costs) != 1 {
			t.Errorf("%s: %v", name, costs)
		}
	}
}
