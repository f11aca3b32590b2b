package logout

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"signet/clients"
	"signet/internal/outbox"
	"signet/storage"
)

// manyClients is a session in which many clients were used.
type manyClients struct {
	n    int
	host string // of all of them
	put  []outbox.Item
}

func (c *manyClients) ClientsOfSession(_ context.Context, _ string, limit int) ([]storage.GrantPair, error) {
	var list []storage.GrantPair
	for i := range min(c.n, limit) {
		list = append(list, storage.GrantPair{UserID: "ada", ClientID: fmt.Sprintf("app%d", i)})
	}
	return list, nil
}

func (c *manyClients) TakeSessionsOfClient(context.Context, storage.GrantPair) ([]string, error) {
	return make([]string, c.n), nil
}

func (c *manyClients) Client(_ context.Context, id string) (*clients.Client, error) {
	m := clients.Metadata{ClientID: id, BackchannelLogoutURI: "https://" + id + c.host, FrontchannelLogoutURI: "https://" + id + c.host}
	return &clients.Client{Metadata: m}, nil
}

func (c *manyClients) Put(_ context.Context, it outbox.Item) error {
	c.put = append(c.put, it)
	return nil
}

func TestNoticesAreBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		host         string
		told, framed int
	}{
		"short names": {".example/out", 100, 20},
		"long names":  {"." + strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + ".example/out", 100, 14},
	} {
		t.Run(name, func(t *testing.T) {
			c := &manyClients{n: 1000, host: tt.host}
			n := &Notices{Issuer: "https://id.example", Store: c, Clients: c, Outbox: c}
			if err := n.SessionEnded(t.Context(), "s"); err != nil || len(c.put) != tt.told || c.put[0].ClientID != "app0" {
				t.Errorf("%d notices, %v", len(c.put), err)
			}
			frames, err := n.Frames(t.Context(), "s")
			if err != nil || len(frames) != tt.framed {
				t.Errorf("%d frames, %v", len(frames), err)
			}
			c.put = nil
			if err := n.ConsentWithdrawn(t.Context(), "ada", "app1"); err != nil || len(c.put) != tt.told {
				t.Errorf("%d notices of a withdrawn consent, %v", len(c.put), err)
			}
		})
	}
}
