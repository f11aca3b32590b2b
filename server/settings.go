package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"signet/admin/setting"
	"signet/admin/view"
	"signet/config"
	"signet/internal/egress"
	"signet/internal/seal"
	"signet/users/federation/provider"
)

// takeSettings puts beside the configuration what is kept in the database. What cannot be used is left out, and told: no server fails to
// start by it.
func (h *Services) takeSettings(ctx context.Context) error {
	h.file = h.Config
	v, err := h.DB.Versions(ctx) // before the rows: what is written in between is read twice
	if err != nil {
		return fmt.Errorf("read versions: %w", err)
	}
	h.settingsVersion = v.Settings
	out := func(id string, err error) {
		if u, is := strings.CutPrefix(id, "upstreams/"); is {
			h.Log.ErrorContext(ctx, "upstream left out", "upstream", u, "error", err)
			return
		}
		h.Log.ErrorContext(ctx, "setting left out", "setting", id, "error", err)
	}
	kept, sections, err := setting.Read(ctx, h.DB, sealer{h.Master, h}, seal.Place, out)
	if err != nil || h.offline {
		return err
	}
	h.takeSections(sections, out)
	for _, k := range kept {
		if k.Disabled {
			continue
		}
		if err := h.checkUpstream(k.Upstream, k.Secrets); err != nil {
			if slices.ContainsFunc(h.file.Upstreams, func(u config.Upstream) bool { return u.ID == k.ID }) {
				continue // that one wins
			}
			out("upstreams/"+k.ID, err)
			continue
		}
		h.Config = h.Config.WithUpstream(configured(k.Upstream, k.Secrets))
	}
	return nil
}

// KeptUpstreams are those of the database that people can sign in with, as the configuration has one, and what keeps others of them from
// it, by id. Those that the configuration declares, too, or that are disabled are left out.
func (h *Services) KeptUpstreams(ctx context.Context) (list []config.Upstream, broken map[string]error, err error) {
	broken = map[string]error{}
	out := func(id string, err error) {
		if u, is := strings.CutPrefix(id, "upstreams/"); is {
			broken[u] = err
		}
	}
	kept, _, err := setting.Read(ctx, h.DB, sealer{h.Master, h}, seal.Place, out)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range kept {
		switch {
		case k.Disabled || slices.ContainsFunc(h.file.Upstreams, func(u config.Upstream) bool { return u.ID == k.ID }):
		default:
			if err := h.checkUpstream(k.Upstream, k.Secrets); err != nil {
				broken[k.ID] = err
				continue
			}
			list = append(list, configured(k.Upstream, k.Secrets))
		}
	}
	return list, broken, nil
}

// configured is a kept upstream as the configuration has one.
func configured(u setting.Upstream, s setting.Secrets) config.Upstream {
	return config.Upstream{
		ID: u.ID, Kind: u.Kind, Name: u.Name, Hidden: u.Hidden, Issuer: u.Issuer, ClientID: u.ClientID,
		ClientSecret: config.NewSecret(s.ClientSecret), Scopes: u.Scopes, Prompt: u.Prompt, Offline: u.Offline, Domains: u.Domains,
		Routes: u.Routes, NewAccounts: u.NewAccounts, AuthoritativeFor: u.AuthoritativeFor, Profile: u.Profile, Claims: u.Claims,
		GroupsClaim: u.GroupsClaim, Groups: u.Groups, TrustSecondFactor: u.TrustSecondFactor, KeepTokens: u.KeepTokens, SignOut: u.SignOut,
		GraphVersion: u.GraphVersion, Tenant: u.Tenant, TeamID: u.TeamID, KeyID: u.KeyID, PrivateKey: config.NewSecret(s.PrivateKey),
		Stored: true,
	}
}

// declaredUpstreams are those of the configuration as administrators are shown them.
func (h *Services) declaredUpstreams() (list []setting.Upstream) {
	for _, u := range h.file.Upstreams {
		list = append(list, setting.Upstream{
			ID: u.ID, Kind: u.Kind, Name: u.Name, Hidden: u.Hidden, Issuer: u.Issuer, ClientID: u.ClientID, Scopes: slices.Clone(u.Scopes),
			Prompt: u.Prompt, Offline: u.Offline, Domains: slices.Clone(u.Domains), Routes: slices.Clone(u.Routes), NewAccounts: u.NewAccounts,
			AuthoritativeFor: slices.Clone(u.AuthoritativeFor), Profile: u.Profile, Claims: maps.Clone(u.Claims), GroupsClaim: u.GroupsClaim,
			Groups: maps.Clone(u.Groups), TrustSecondFactor: u.TrustSecondFactor, KeepTokens: u.KeepTokens, SignOut: u.SignOut,
			GraphVersion: u.GraphVersion, Tenant: u.Tenant, TeamID: u.TeamID, KeyID: u.KeyID,
		})
	}
	return list
}

// checkUpstream is what the configuration's rules say of an upstream that is to be kept, beside those that it declares.
func (h *Services) checkUpstream(u setting.Upstream, s setting.Secrets) error {
	c := configured(u, s)
	if err := h.file.CheckUpstream(c); err != nil {
		return err
	}
	out, err := storedWay(h.file)
	if err == nil {
		_, err = provider.New(UpstreamSettings(c), out.HTTP()) // which asks nobody yet
	}
	return err
}

// storedWay is the way to upstreams that administrators keep: inside only to hosts that the operator lists.
func storedWay(c config.Config) (*egress.Client, error) {
	c.Upstreams = nil
	return UpstreamClient(c)
}

// tryUpstream asks a provider whether it is there, and set up as it must be.
func (h *Services) tryUpstream(ctx context.Context, id string) (list []view.Finding, err error) {
	var c config.Upstream
	out, err := UpstreamClient(h.file)
	if i := slices.IndexFunc(h.file.Upstreams, func(u config.Upstream) bool { return u.ID == id }); i >= 0 {
		c = h.file.Upstreams[i]
	} else {
		kept, lost := h.Settings.Kept(ctx, id)
		if lost != nil {
			return nil, lost
		}
		c = configured(kept.Upstream, kept.Secrets)
		out, err = storedWay(h.file)
	}
	if err != nil {
		return nil, err
	}
	p, err := provider.New(UpstreamSettings(c), out.HTTP())
	if err != nil {
		return []view.Finding{found("upstream", "", err, "")}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	for _, f := range p.Check(ctx, UpstreamCallback(h.Config, id)) {
		one := view.Finding{Check: "upstream", State: view.StateGood, Text: f.Text}
		if !f.OK {
			one.State = view.StateProblem
		}
		list = append(list, one)
	}
	return list, nil
}

// tryLimit is how long a try may take: somebody waits for it.
const tryLimit = 10 * time.Second

// openSettings builds what changes settings that are kept in the database.
func (h *Services) openSettings() (err error) {
	h.Settings, err = setting.New(setting.Options{
		Store: h.DB, People: h.DB, Sealer: sealer{h.Master, h}, Place: seal.Place, Declared: h.declaredUpstreams, Check: h.checkUpstream,
		Section: h.declaredSection, CheckSection: h.checkSection,
	})
	return err
}

// settingsAgain is how long a server waits that could not take up what is kept in the database.
const settingsAgain = 30 * time.Second

// Whoever changes settings every second must not fill the memory with servers that leave: of as many as mostLeaving, the next follows after
// a part of the time that one takes to leave.
const (
	mostLeaving  = 8
	longestPause = 30 * time.Second
)

// pauses reports whether the next waits; the last of several changes counts then. grace is how long a server leaves.
func (g *generations) pauses(grace time.Duration) bool {
	return g.left.Load() >= mostLeaving && time.Since(g.took) < min(grace/mostLeaving, longestPause)
}

// takeUp builds the server anew where what is kept in the database is not what it was built with: as for another configuration, requests
// in hand end where they began.
func (g *generations) takeUp(ctx context.Context, version int64) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	old := g.current.Load()
	if old.services.settingsVersion == version || time.Now().Before(g.again) || g.pauses(old.services.Config.Server.ShutdownGrace) {
		return nil
	}
	if err := g.follow(ctx, old, old.services.file, nil); err != nil {
		g.again = time.Now().Add(settingsAgain)
		return errors.Join(errors.New("take up settings of the database"), err)
	}
	g.took = time.Now()
	return nil
}
