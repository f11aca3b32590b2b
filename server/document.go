package server

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/clients/registration"
	"signet/internal/egress"
	"signet/internal/ratelimit"
	"signet/oauth/quota"
	"signet/server/web"
	"signet/storage"
)

// From one network so many clients that are not known may be looked at in an hour, and so many of one domain by all together; beyond it
// each network waits a little. Clients that are known are not counted.
const (
	freeDocuments = 30
	freeOfDomain  = 120
)

// openDocuments builds what makes clients known by their metadata documents.
func (h *Services) openDocuments() (err error) {
	c := h.Config.ClientDocuments
	limits := ratelimit.New(h.DB)
	h.Documents, err = registration.NewDocuments(registration.DocumentOptions{
		Store: h.DB, Registry: h.Clients, Mode: c.Mode, Hosts: c.Hosts, Deny: c.Deny, Log: h.Log, Policy: h.registrationPolicy,
		Bound: h.unused,
		Fetch: h.wayOut(egress.Options{MaxBody: registration.MaxDocument, PerHost: 2}),
		Again: h.wayOut(egress.Options{MaxBody: registration.MaxDocument, PerHost: 2}),
		Charge: func(ctx context.Context, domain string) error {
			_, err := limits.Charge(ctx, documentLimits(audit.OriginOf(ctx), domain)...)
			return err
		},
		Note: func(ctx context.Context, done, client string) error {
			h.Metrics.Registered(done)
			return h.Audit.Record(ctx, audit.Event{Name: audit.Name("client." + done), ActorID: client, ClientID: client})
		},
	})
	return err
}

// documentLimits are the counts of an address that is not known: who is known here is counted alone (rule V06).
func documentLimits(from audit.Origin, domain string) []ratelimit.Limit {
	who := from.Network
	if from.KnownBrowser != "" {
		who = from.KnownBrowser
	}
	limit := ratelimit.Limit{Key: "document " + who, Free: freeDocuments, Window: time.Hour, First: 5 * time.Second, Max: 5 * time.Minute,
		OnSuccess: ratelimit.Never}
	list := []ratelimit.Limit{limit}
	if addr, err := netip.ParseAddr(from.Address); err == nil && from.KnownBrowser == "" {
		for i, wide := range web.Around(addr) {
			limit.Key, limit.Free = "document "+wide, freeDocuments*[]int64{5, 25}[i]
			list = append(list, limit)
		}
	}
	limit.Key, limit.Per, limit.Free = "document of "+domain, who, freeOfDomain
	return append(list, limit)
}

// From one network so many changes that applications make of their registrations are free in an hour, beside those of who came with an
// operator's token, and of one client so many; beyond it each waits a little. Each is an event, and read anew by all servers (rule V06).
const (
	freeChanges         = 20
	freeChangesOfANet   = 120
	longestBeforeChange = 5 * time.Minute
)

// chargeChange counts a change.
func (h *Services) chargeChange(ctx context.Context, clientID string, initial bool) error {
	limit := ratelimit.Limit{Key: "register change of " + clientID, Free: freeChanges, Window: time.Hour, First: 5 * time.Second,
		Max: longestBeforeChange, OnSuccess: ratelimit.Never}
	list := []ratelimit.Limit{limit}
	if addr, err := netip.ParseAddr(audit.OriginOf(ctx).Address); err == nil && !initial {
		for i, from := range append([]string{web.Network(addr)}, web.Around(addr)...) {
			limit.Key, limit.Free = "register change from "+from, freeChangesOfANet*[]int64{1, 5, 25}[i]
			list = append(list, limit)
		}
	}
	_, err := ratelimit.New(h.DB).Charge(ctx, list...)
	return err
}

// unvouched reports whether a client registered itself, by its metadata document or without any token, and no operator has said since that
// it is theirs.
func (h *Services) unvouched(ctx context.Context, c *clients.Client) (bool, error) {
	switch {
	case c.Declared || c.FirstParty || c.AdminTools:
		return false, nil
	case c.FromDocument():
		return true, nil
	}
	r, err := h.DB.RegistrationOf(ctx, c.ClientID)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return r.InitialTokenID == "", err
}

// How many clients there may be that nobody used and nobody vouches for, and how many bytes of metadata they may have.
const (
	unusedClients = 10_000
	unusedBytes   = 64 << 20
)

// boundUnused has the oldest client of the fullest holder give way at the bound.
func (h *Services) boundUnused() *quota.Quota {
	return quota.New(quota.Options{
		Bounds: unused{h}, Rows: unusedClients, Bytes: unusedBytes, Evicted: func() { h.Metrics.Registered("evicted") },
		Weight: func(string) int { return 1 }, Network: func(holder string) string { return holder },
	})
}

// unused are the clients that nobody used as the quota knows them.
type unused struct{ services *Services }

// Shares implements quota.Bounds.
func (u unused) Shares(ctx context.Context, _ time.Time) (map[string][2]int64, error) {
	return u.services.DB.RegistrationShares(ctx)
}

// Evict implements quota.Bounds.
func (u unused) Evict(ctx context.Context, holder string, most int) (int64, error) {
	return u.services.Registrations.Evict(ctx, holder, most)
}
