package server

import (
	"context"
	"errors"
	"fmt"

	"signet/audit"
	"signet/clients"
	"signet/internal/seal"
	"signet/oauth/keys"
	"signet/server/browser"
	"signet/server/discovery"
	"signet/server/pages"
	"signet/server/web"
)

// openProtocol builds what the protocol and the applications' wing share with the command line: keys and clients.
func (h *House) openProtocol(ctx context.Context) (err error) {
	c := h.Config
	h.Keys, err = keys.Open(ctx, keys.Options{
		Store: h.DB, Master: h.Master, Algs: []string{keys.ES256, keys.RS256},
		Schedule: c.Keys.Rotation, Longest: max(longestLife, c.Tokens.AccessLifetime), Hints: c.Sessions.Lifetime,
		Note: func(ctx context.Context, event, kid, alg string) error {
			return h.Audit.Record(ctx, audit.Event{Name: audit.Name(event), Detail: map[string]string{"kid": kid, "alg": alg}})
		},
		Log: h.Log,
	})
	if errors.Is(err, seal.ErrWrongKey) {
		return fmt.Errorf("this is not the master key of this database: %w", err)
	}
	if err != nil {
		return err
	}
	declared, err := declaredClients(c)
	if err != nil {
		return err
	}
	resources, err := declaredResources(c)
	if err != nil {
		return err
	}
	h.Clients, err = clients.New(ctx, clients.Options{
		Store: h.DB, Declared: declared, Resources: resources, Issuer: c.Server.Issuer,
		SecretKeys: h.Master.DeriveAll("client secrets"), Log: h.Log,
	})
	return err
}

func (s *Server) protocolRooms(view *pages.Pages, visitors *browser.Browser) (rooms []web.Room, err error) {
	h := s.house
	s.discovery, err = discovery.New(discovery.Options{Issuer: h.Config.Server.Issuer, Keys: h.Keys, Facts: h.facts})
	if err != nil {
		return nil, err
	}
	return []web.Room{s.discovery}, nil
}
