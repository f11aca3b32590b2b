package logout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signet/clients"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/oauth/tokens"
	"signet/storage"
)

// Kind of the items in the outbox that tell a client, server to server, that a session ended.
const Kind = "logout"

const (
	maxTold   = 100             // clients that are told of one session, those used last
	tokenLife = 2 * time.Minute // of a logout token (OpenID Connect Back-Channel Logout 1.0 section 4)
)

// facts are what a notice is made of when it is sent.
type facts struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
}

// SessionClients is what Notices need of *storage.DB.
type SessionClients interface {
	ClientsOfSession(ctx context.Context, sessionID string, limit int) ([]storage.GrantPair, error)
	TakeSessionsOfClient(ctx context.Context, of storage.GrantPair) ([]string, error)
}

// Notices find out whom the end of a session concerns.
type Notices struct {
	Issuer  string
	Store   SessionClients
	Clients Clients
	Outbox  interface {
		Put(ctx context.Context, it outbox.Item) error
	}
	Names Names
}

// Names are what a client calls a person and a session; nil = by the names that we give them.
type Names struct {
	Subject func(c *clients.Client, userID string) string
	Session func(c *clients.Client, sessionID string) string
}

func (n Names) of(c *clients.Client, userID, sessionID string) (sub, sid string) {
	sub, sid = userID, sessionID
	if n.Subject != nil {
		sub = n.Subject(c, userID)
	}
	if n.Session != nil {
		sid = n.Session(c, sessionID)
	}
	return sub, sid
}

// SessionEnded writes down, in the transaction of ctx, that the clients used in the session are to be told of its end (OpenID Connect
// Back-Channel Logout 1.0 section 2.5).
func (n *Notices) SessionEnded(ctx context.Context, sessionID string) error {
	return n.each(ctx, sessionID, func(c *clients.Client, userID string) error {
		return n.put(ctx, c, facts{userID, sessionID})
	})
}

// ConsentWithdrawn does it for one client, and all sessions of the person in which it was used.
func (n *Notices) ConsentWithdrawn(ctx context.Context, userID, clientID string) error {
	taken, err := n.Store.TakeSessionsOfClient(ctx, storage.GrantPair{UserID: userID, ClientID: clientID})
	if err != nil {
		return fmt.Errorf("find sessions of client: %w", err)
	}
	c, err := n.Clients.Client(ctx, clientID)
	if errors.Is(err, clients.ErrUnknown) {
		return nil
	}
	for _, sessionID := range taken[:min(len(taken), maxTold)] {
		if err == nil {
			err = n.put(ctx, c, facts{userID, sessionID})
		}
	}
	return err
}

// each calls do for the clients of a session that are there and enabled.
func (n *Notices) each(ctx context.Context, sessionID string, do func(c *clients.Client, userID string) error) error {
	list, err := n.Store.ClientsOfSession(ctx, sessionID, maxTold)
	if err != nil {
		return fmt.Errorf("find clients of session: %w", err)
	}
	for _, of := range list {
		c, err := n.Clients.Client(ctx, of.ClientID)
		if errors.Is(err, clients.ErrUnknown) || err == nil && !c.Enabled() {
			continue
		}
		if err == nil {
			err = do(c, of.UserID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *Notices) put(ctx context.Context, c *clients.Client, f facts) error {
	if c.BackchannelLogoutURI == "" {
		return nil
	}
	return n.Outbox.Put(ctx, outbox.Item{Kind: Kind, Target: c.BackchannelLogoutURI, ClientID: c.ClientID, Facts: f})
}

// maxFrames bounds the clients that are told of one session in the browser, and maxOrigins the length of their origins in the page's
// policy, which is a header that proxies have to take.
const (
	maxFrames  = 20
	maxOrigins = 2 << 10
)

// Frames are the addresses that the browser is to load in frames when the session has ended (OpenID Connect Front-Channel Logout 1.0
// section 3), of the clients used last.
func (n *Notices) Frames(ctx context.Context, sessionID string) ([]string, error) {
	var list []string
	length := 0
	err := n.each(ctx, sessionID, func(c *clients.Client, userID string) error {
		uri := c.FrontchannelLogoutURI
		if uri == "" || len(list) == maxFrames {
			return nil
		}
		u, err := url.Parse(uri)
		if err != nil {
			return nil // Metadata.Validate lets none pass
		}
		if length += len(u.Scheme) + len(u.Host) + len(":// "); length > maxOrigins {
			return nil
		}
		_, sid := n.Names.of(c, userID, sessionID)
		list = append(list, withQuery(uri, url.Values{"iss": {n.Issuer}, "sid": {sid}}.Encode()))
		return nil
	})
	return list, err
}

// Sender makes and sends logout tokens.
type Sender struct {
	Clients Clients
	Sign    func(alg string, l tokens.Logout) (string, error)
	Fetch   func(ctx context.Context, q egress.Request) (egress.Response, error)
	Names   Names
}

// Send is the outbox.Sender of Kind. The token is made anew for each try, with the same jti (OpenID Connect Back-Channel Logout 1.0
// sections 2.4, 2.5 and 2.8).
func (s *Sender) Send(ctx context.Context, x outbox.Sending) error {
	c, err := s.Clients.Client(ctx, x.ClientID)
	if errors.Is(err, clients.ErrUnknown) || err == nil && (!c.Enabled() || c.BackchannelLogoutURI == "" || c.CreatedAt.After(x.CreatedAt)) {
		return outbox.ErrMoot
	}
	if err != nil {
		return err
	}
	var f facts
	if err := x.Facts(&f); err != nil {
		return err
	}
	now := time.Now()
	sub, sid := s.Names.of(c, f.UserID, f.SessionID)
	token, err := s.Sign(c.IDTokenSignedResponseAlg, tokens.Logout{
		Subject: sub, SessionID: sid, Audience: tokens.Audience{c.ClientID}, IssuedAt: now.Unix(), ExpiresAt: now.Add(tokenLife).Unix(),
		JTI: x.ID,
	})
	if err != nil {
		return err
	}
	a, err := s.Fetch(ctx, egress.Request{
		Method: http.MethodPost, URL: c.BackchannelLogoutURI, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		Body: []byte(url.Values{"logout_token": {token}}.Encode()), StatusOnly: true,
	})
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusOK || a.Status == http.StatusNoContent:
		return nil
	case a.Status == http.StatusBadRequest:
		return fmt.Errorf("%w: status %d", outbox.ErrRefused, a.Status)
	}
	return fmt.Errorf("status %d", a.Status)
}

// withQuery appends to a registered address as it is: its own query is not touched.
func withQuery(address, query string) string {
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	return address + sep + query
}
