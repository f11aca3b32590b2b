package checkup_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"signet/admin/checkup"
	"signet/admin/view"
	"signet/clients"
	"signet/internal/egress"
)

// TestDocumentsOfAnAppAreRead: its own, that of its sector, and those of the issuers that stand for it.
func TestDocumentsOfAnAppAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id, issuer = "https://shop.example/client.json", "https://ci.example"
	m := clients.Metadata{ClientID: id, RedirectURIs: []string{back}, DocumentHash: "agreed",
		SectorIdentifierURI: "https://shop.example/sector", TokenEndpointAuthMethod: clients.MethodJWTKey,
		FederatedCredentials: []clients.FederatedCredential{{Issuer: issuer, Subject: "x"}}}
	found := w.look(m)
	wants(t, found, view.StateProblem, "document", "not there")
	wants(t, found, view.StateProblem, "federated_credentials", "its keys cannot be had")
	wants(t, found, view.StateGood, "sector_identifier_uri", "lists all")

	w.o.Document = func(context.Context, string) (clients.Metadata, error) {
		return clients.Metadata{DocumentHash: "another"}, nil
	}
	w.o.Sector = func(context.Context, clients.Metadata) error { return errors.New("hush") }
	w.out.there[issuer+"/.well-known/openid-configuration"] = egress.Response{Status: 200,
		Body: fmt.Appendf(nil, `{"issuer":%q,"jwks_uri":"https://ci.example/keys"}`, issuer)}
	w.out.there["https://ci.example/keys"] = setOf(t, key(t, "a", "sig"))
	found = w.look(m)
	wants(t, found, view.StateNotice, "document", "another thing")
	wants(t, found, view.StateGood, "federated_credentials", "its keys are there")
	wants(t, found, view.StateProblem, "sector_identifier_uri", "lists all")

	m.DocumentHash = "another"
	wants(t, w.look(m), view.StateGood, "document", "says what it said")
	wants(t, w.look(m, func(a *checkup.App) { a.Client.DisabledAt = time.Now() }), view.StateProblem, "state", "metadata document count")
}

// slow answers after some seconds, and is asked by few at once.
type slow struct{ now, most chan int }

func (s slow) Fetch(ctx context.Context, _ egress.Request) (egress.Response, error) {
	n := <-s.now + 1
	s.now <- n
	most := <-s.most
	s.most <- max(most, n)
	defer func() { s.now <- <-s.now - 1 }()
	select {
	case <-time.After(3 * time.Second):
	case <-ctx.Done():
	}
	return egress.Response{}, context.DeadlineExceeded
}

// TestSlowServersAreNotWaitedFor: however many they are, a look takes ten seconds, and asks six at once.
func TestSlowServersAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := slow{make(chan int, 1), make(chan int, 1)}
		s.now <- 0
		s.most <- 0
		w.o.Out = s
		var m clients.Metadata
		for i := range 40 {
			m.RedirectURIs = append(m.RedirectURIs, fmt.Sprintf("https://h%d.example/cb", i))
		}
		begun := time.Now()
		found := w.look(m)
		if took, most := time.Since(begun), <-s.most; took != 10*time.Second || most != 6 {
			t.Errorf("took %s, %d at once", took, most)
		}
		wants(t, found, view.StateNotice, "redirect_uris", "no server answered in time")
		wants(t, found, view.StateNotice, "redirect_uris", "others took too long")
	})
}
