package mail_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"signet/internal/mail"
	"signet/storage/storagetest"
)

// inBubble runs a test with an outbox where time is fake; ask reports whether a request was allowed.
func inBubble(t *testing.T, test func(t *testing.T, ask func(r mail.Request) bool)) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		o := outbox(t, db)
		test(t, func(r mail.Request) bool {
			t.Helper()
			ok, err := o.Allowed(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		})
	})
}

const net1 = "192.0.2.0/24"

func network(n int) string { return fmt.Sprintf("198.%d.%d.0/24", n/256, n%256) }

func TestD07_AStrangerHasThreeAnHourOfAKind(t *testing.T) {
	inBubble(t, func(t *testing.T, ask func(r mail.Request) bool) {
		for i := range 5 {
			if got, want := ask(mail.Request{Kind: "reset", Address: "ada", Network: net1}), i < 3; got != want {
				t.Errorf("email %d: %v", i+1, got)
			}
		}
		if !ask(mail.Request{Kind: "code", Address: "ada", Network: net1}) {
			t.Error("another kind was refused")
		}
		if !ask(mail.Request{Kind: "reset", Address: "ada", Network: network(1)}) {
			t.Error("another network was refused for what this one did")
		}
		time.Sleep(2*time.Hour + time.Minute)
		if !ask(mail.Request{Kind: "reset", Address: "ada", Network: net1}) {
			t.Error("never again")
		}
	})
}

func TestD07_NoMoreThanTenAnHourAndThirtyADayFromStrangers(t *testing.T) {
	inBubble(t, func(t *testing.T, ask func(r mail.Request) bool) {
		day := 0
		for hour := range 23 {
			sent := 0
			for i := range 60 {
				for _, kind := range []string{"signup", "reset", "code"} {
					if ask(mail.Request{Kind: kind, Address: "ada", Network: network(hour*60 + i)}) {
						sent++
					}
				}
			}
			if sent > 10 {
				t.Errorf("hour %d: %d emails", hour, sent)
			}
			day += sent
			time.Sleep(time.Hour + time.Second)
		}
		if day > 30 || day < 10 {
			t.Errorf("%d emails in a day", day)
		}
	})
}

func TestD07_SignUpsNeverUseUpTheOwnersBudget(t *testing.T) { // rule D07
	inBubble(t, func(t *testing.T, ask func(r mail.Request) bool) {
		for i := range 500 { // from one network and from many, sign-ups and other people's changes of address
			ask(mail.Request{Kind: "signup", Class: "unasked", Address: "ada", Network: net1})
			ask(mail.Request{Kind: "signup", Class: "unasked", Address: "ada", Network: network(i)})
			ask(mail.Request{Kind: "address", Class: "unasked", Address: "ada", Network: network(i), Owner: fmt.Sprint("eve", i)})
		}
		if !ask(mail.Request{Kind: "reset", Address: "ada", Network: "203.0.113.0/24"}) ||
			!ask(mail.Request{Kind: "code", Address: "ada", Network: "203.0.113.0/24"}) {
			t.Error("the owner gets nothing in a new browser")
		}
		if !ask(mail.Request{Kind: "reset", Address: "ada", Network: net1}) {
			t.Error("the owner gets nothing in the network of the stranger")
		}
	})
}

func TestD07_AKnownBrowserAndOwnActsHaveBudgetsOfTheirOwn(t *testing.T) { // rule D07
	inBubble(t, func(t *testing.T, ask func(r mail.Request) bool) {
		for i := range 300 {
			for _, kind := range []string{"signup", "reset", "code"} {
				ask(mail.Request{Kind: kind, Address: "ada", Network: net1})
				ask(mail.Request{Kind: kind, Address: "ada", Network: network(i)})
			}
		}
		for _, kind := range []string{"reset", "code"} {
			for i := range 4 {
				if got, want := ask(mail.Request{Kind: kind, Address: "ada", Network: net1, Browser: "hers"}), i < 3; got != want {
					t.Errorf("%s %d in a known browser: %v", kind, i+1, got)
				}
			}
		}
		for _, kind := range []string{"confirm", "recovery", "address"} {
			if !ask(mail.Request{Kind: kind, Network: net1, Owner: "ada's id"}) {
				t.Errorf("%s, which she asks for herself, is refused", kind)
			}
		}
	})
}

func TestD07_ANetworkMayAskForTwentyAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T, ask func(r mail.Request) bool) {
		sent := 0
		for i := range 40 {
			if ask(mail.Request{Kind: "reset", Address: fmt.Sprint("person", i), Network: net1}) {
				sent++
			}
		}
		if sent != 20 {
			t.Errorf("%d emails asked for by one network", sent)
		}
		if !ask(mail.Request{Kind: "reset", Address: "person 39", Network: net1, Browser: "known"}) {
			t.Error("a known browser is refused for what its network did")
		}
	})
}

func TestD07_WhoAsksForOtherAddressesIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, ask func(r mail.Request) bool) {
		sent := 0
		for i := range 100 {
			r := mail.Request{Kind: "address", Class: "unasked", Address: fmt.Sprint("victim", i), Network: network(i), Owner: "eve"}
			if ask(r) {
				sent++
			}
		}
		if sent > 15 {
			t.Errorf("one account had %d emails sent to strangers within an hour", sent)
		}
	})
}
