package ciba_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"signet/clients"
	"signet/internal/outbox"
	"signet/oauth/ciba"
	"signet/oauth/logout"
)

// remade is a client that was deleted and made again a moment ago.
type remade struct{ is clients.Client }

func (a *remade) Client(context.Context, string) (*clients.Client, error) { return &a.is, nil }

// TestNothingForTheClientBefore: what waits for a client that was deleted is not sent to the one that has its id now.
func TestNothingForTheClientBefore(t *testing.T) {
	again := &remade{}
	c := &again.is
	c.ClientID, c.CreatedAt = "bank", time.Now()
	c.BackchannelDelivery, c.BackchannelNotification, c.BackchannelLogoutURI = "ping", "https://bank.example/told", "https://bank.example/out"
	for kind, send := range map[string]outbox.Sender{
		ciba.PingKind: (&ciba.Sender{Clients: again}).Send, logout.Kind: (&logout.Sender{Clients: again}).Send,
	} {
		err := send(t.Context(), outbox.Sending{ClientID: "bank", CreatedAt: time.Now().Add(-time.Minute)})
		if !errors.Is(err, outbox.ErrMoot) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
