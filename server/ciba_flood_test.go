package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"signet/clients"
	"signet/oauth/ledger"
	"signet/server/servertest"
	"signet/storage/storagetest"
)

// TestV06_AFloodOfCIBARequestsIsBounded: an app that names ten thousand people leaves no more than it may ask in ten minutes, and other
// apps and people notice nothing.
func TestV06_AFloodOfCIBARequestsIsBounded(t *testing.T) {
	t.Parallel()
	db := storagetest.SQLite(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.On(db))
	ada := s.Person(t, "ada@example.com")
	mad := newCounter(t, s, "mad", func(m *clients.Metadata) {
		m.BackchannelDelivery, m.BackchannelNotification = "ping", "https://mad.example/ping"
	})
	taken := 0
	for i := range 10_000 {
		status, got := mad.ask(fmt.Sprintf("somebody%d@example.com", i), "client_notification_token", "t")
		if status == http.StatusOK {
			taken++
		} else if status != http.StatusTooManyRequests {
			t.Fatalf("%d %v", status, got)
		}
	}
	shares, err := db.WaitingShares(t.Context(), ledger.KindCIBA, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rows := int64(0)
	for _, of := range shares {
		rows += of[0]
	}
	told, err := db.DeliveriesOfClient(t.Context(), "mad", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if taken == 0 || taken > 600 || int(rows) != taken || len(told) != taken {
		t.Errorf("%d taken, %d rows, %d wait for the app", taken, rows, len(told))
	}
	for _, d := range told {
		if d.ExpiresAt.After(time.Now().Add(2 * time.Hour)) {
			t.Fatalf("kept until %s", d.ExpiresAt)
		}
	}
	other := newCounter(t, s, "bank")
	other.begin(ada.Email)
	other.sees(s.Browser(t), ada, 1)
}
