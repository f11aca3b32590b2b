package ciba_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"signet/clients"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/internal/seal"
	"signet/oauth/ciba"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/storage"
	"signet/storage/storagetest"
)

// mint makes tokens that are never the same.
type mint struct {
	db      *storage.DB
	n       int
	no      error
	dead    bool
	revoked []string
	life    time.Duration
}

func (m *mint) Make(ctx context.Context, _ *clients.Client, _ string, keep func(context.Context, ciba.Made) error) error {
	m.n++
	if m.no != nil {
		return m.no
	}
	text, err := json.Marshal(map[string]any{"access_token": "access" + strings.Repeat("x", m.n), "expires_in": 1})
	if err != nil {
		return err
	}
	return m.db.Tx(ctx, func(ctx context.Context) error {
		return keep(ctx, ciba.Made{Answer: text, GrantID: "g", Expires: time.Now().Add(m.life)})
	})
}

func (m *mint) Alive(context.Context, string) (bool, error) { return !m.dead, nil }

func (m *mint) Revoke(_ context.Context, id string) error {
	m.revoked = append(m.revoked, id)
	return nil
}

// killed is a store whose process dies before it has written all.
type killed struct {
	*storage.DB
	left int
}

func (k *killed) DeleteDelivery(ctx context.Context, id string) error {
	if k.left--; k.left >= 0 {
		return errors.New("killed")
	}
	return k.DB.DeleteDelivery(ctx, id)
}

// pushing is a push that is due, and what came of it at the app, which answers with status.
type pushing struct {
	*testing.T
	db       *storage.DB
	box      *outbox.Outbox
	pusher   *ciba.Pusher
	app      *remade
	mint     *mint
	statuses []int // of its answers; 204 after them
	sent     []map[string]any
	outcomes map[string]int
}

func newPushing(t *testing.T, db *storage.DB) *pushing {
	t.Helper()
	master, err := seal.Parse(seal.Generate())
	if err != nil {
		t.Fatal(err)
	}
	box, err := outbox.New(db, master, seal.Place)
	if err != nil {
		t.Fatal(err)
	}
	p := &pushing{T: t, db: db, box: box, app: &remade{}, mint: &mint{db: db, life: time.Hour}, outcomes: map[string]int{}}
	c := &p.app.is
	c.ClientID, c.BackchannelDelivery, c.BackchannelNotification = "bank", "push", "https://bank.example/push"
	p.pusher = &ciba.Pusher{Sender: ciba.Sender{Clients: p.app, Fetch: p.fetch}, Store: db, Outbox: box, Maker: p.mint, On: true}
	err = box.Put(t.Context(), outbox.Item{ID: "r", Kind: ciba.PushKind, ClientID: "bank", Facts: map[string]any{
		"auth_req_id": "id", "token": "t", "until": time.Now().Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pushing) fetch(_ context.Context, q egress.Request) (egress.Response, error) {
	got := map[string]any{}
	if err := json.Unmarshal(q.Body, &got); err != nil {
		p.Error(err)
	}
	p.sent = append(p.sent, got)
	status := 204
	if len(p.statuses) > 0 {
		status, p.statuses = p.statuses[0], p.statuses[1:]
	}
	return egress.Response{Status: status}, nil
}

// turns has all that is due sent, again and again.
func (p *pushing) turns(n int) {
	p.Helper()
	d, err := outbox.NewDelivery(outbox.DeliveryOptions{
		Outbox: p.box, Store: p.db, Count: func(kind, outcome string) { p.outcomes[kind+" "+outcome]++ },
		Senders: map[string]outbox.Sender{ciba.PushKind: p.pusher.Make, ciba.AnswerKind: p.pusher.Send},
	})
	if err != nil {
		p.Fatal(err)
	}
	for range n {
		for _, id := range []string{"r", "r-answer"} {
			if err := p.box.Hasten(p.Context(), id); err != nil {
				p.Fatal(err)
			}
		}
		if err := d.Once(p.Context()); err != nil {
			p.Fatal(err)
		}
	}
}

// TestEachTryBringsTheSameTokens, sealed in between, also where a process died while it made them.
func TestEachTryBringsTheSameTokens(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		p := newPushing(t, open(t))
		p.statuses = []int{503, 500}
		p.pusher.Store = &killed{p.db, 1}
		p.turns(1)
		if len(p.sent) != 0 || p.mint.n != 1 {
			t.Fatalf("sent %v by a process that died", p.sent)
		}
		p.turns(2)
		waits, err := p.db.DeliveriesOfClient(t.Context(), "bank", 9)
		if err != nil || len(waits) != 1 || strings.Contains(string(waits[0].Sealed), "access") {
			t.Errorf("%d wait, %v", len(waits), err)
		}
		p.turns(4)
		if len(p.sent) != 3 || p.mint.n != 2 || p.outcomes[ciba.AnswerKind+" sent"] != 1 {
			t.Fatalf("%d times, made %d times: %v", len(p.sent), p.mint.n, p.outcomes)
		}
		for _, got := range p.sent {
			if got["access_token"] != "accessxx" || got["auth_req_id"] != "id" || got["expires_in"].(float64) < 3000 {
				t.Errorf("%v", got)
			}
		}
		if len(p.mint.revoked) != 0 {
			t.Errorf("revoked %q", p.mint.revoked)
		}
	})
}

// TestWhatIsSentInPlaceOfTokens, and when nothing is.
func TestWhatIsSentInPlaceOfTokens(t *testing.T) {
	for what, test := range map[string]struct {
		change  func(*pushing)
		between func(*pushing) // after the tokens are made
		error   string         // "" = nothing is sent
		revoked bool
	}{
		"denied":          {change: func(p *pushing) { p.mint.no = refusal.AccessDenied("no") }, error: "access_denied"},
		"nobody decided":  {change: func(p *pushing) { p.mint.no = refusal.ExpiredToken("late") }, error: "expired_token"},
		"gone":            {change: func(p *pushing) { p.mint.no = refusal.InvalidGrant("gone") }, error: "transaction_failed"},
		"too early":       {change: func(p *pushing) { p.mint.no = refusal.AuthorizationPending("wait") }},
		"database away":   {change: func(p *pushing) { p.mint.no = errors.New("away") }},
		"by another":      {change: func(p *pushing) { p.mint.no = refusal.InvalidGrant("used").Because(ledger.ErrFetched) }},
		"off":             {change: func(p *pushing) { p.pusher.On = false }},
		"asks by now":     {change: func(p *pushing) { p.app.is.BackchannelDelivery = "poll" }},
		"made anew":       {change: func(p *pushing) { p.app.is.CreatedAt = time.Now().Add(time.Minute) }},
		"disabled":        {change: func(p *pushing) { p.app.is.DisabledAt = time.Now() }},
		"taken back":      {between: func(p *pushing) { p.mint.dead = true }, error: "transaction_failed"},
		"disabled late":   {between: func(p *pushing) { p.app.is.DisabledAt = time.Now() }, revoked: true},
		"asks since then": {between: func(p *pushing) { p.app.is.BackchannelDelivery = "poll" }, revoked: true},
		"over":            {change: func(p *pushing) { p.mint.life = -time.Second }, revoked: true},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPushing(t, storagetest.SQLite(t))
			if test.change != nil {
				test.change(p)
			}
			p.turns(1) // kinds are sent in the order of their names, so the answer is due in the next
			if len(p.sent) != 0 {
				t.Fatalf("sent with what made it: %v", p.sent)
			}
			if test.between != nil {
				test.between(p)
			}
			p.turns(3)
			switch {
			case test.error == "" && len(p.sent) > 0, test.error != "" && (len(p.sent) != 1 || p.sent[0]["error"] != test.error):
				t.Errorf("sent %v", p.sent)
			case len(p.sent) > 0 && p.sent[0]["access_token"] != nil:
				t.Errorf("tokens beside %v", p.sent)
			}
			if (len(p.mint.revoked) > 0) != test.revoked {
				t.Errorf("revoked %q", p.mint.revoked)
			}
		})
	}
}

// TestARefusalRevokes: nobody has what the app did not take.
func TestARefusalRevokes(t *testing.T) {
	for _, status := range []int{302, 401, 404} {
		p := newPushing(t, storagetest.SQLite(t))
		p.statuses = []int{status}
		p.turns(4)
		if len(p.sent) != 1 || len(p.mint.revoked) != 1 || p.outcomes[ciba.AnswerKind+" refused"] != 1 {
			t.Errorf("%d: sent %d times, revoked %q, %v", status, len(p.sent), p.mint.revoked, p.outcomes)
		}
	}
}
