package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"signet/admin/setting"
	"signet/config"
	"signet/internal/loopback"
	"signet/server"
	"signet/storage"
	"signet/users/federation/provider"
)

// lookAtUpstream asks it through the guard that the server asks through.
func lookAtUpstream(ctx context.Context, c config.Config, u config.Upstream) []finding {
	about := "upstreams[" + u.ID + "]"
	client, err := server.UpstreamClient(c)
	if err != nil {
		return []finding{{about, false, err.Error()}}
	}
	defer client.Close()
	upstream, err := provider.New(server.UpstreamSettings(u), client.HTTP())
	if err != nil {
		return []finding{{about, false, err.Error()}}
	}
	callback := server.UpstreamCallback(c, u.ID)
	findings := []finding{lookAtCallback(about, c, u, callback)}
	for _, f := range upstream.Check(ctx, callback) {
		findings = append(findings, finding{about, f.OK, f.Text})
	}
	return findings
}

// lookAtCallback tells what the provider's console will not take.
func lookAtCallback(about string, c config.Config, u config.Upstream, callback string) finding {
	local := loopback.Host(c.IssuerURL().Hostname())
	switch {
	case strings.HasPrefix(callback, "https://") && !(local && u.Kind == config.UpstreamApple):
		return finding{about, true, "the redirect URI is https"}
	case u.Kind == config.UpstreamApple:
		return finding{about, false, "Apple takes https redirect URIs of a public domain only; server.issuer is " + c.Server.Issuer}
	case c.IssuerURL().Hostname() == "localhost":
		return finding{about, true, "the redirect URI is of this machine: good for trying things out"}
	case u.Kind == config.UpstreamOIDC:
		return finding{about, true, "the redirect URI is http; many providers take https only"}
	}
	return finding{about, false, "this provider takes http redirect URIs for localhost only; server.issuer is " + c.Server.Issuer}
}

// lookAtKept looks at what administrators keep in the database as at that of the configuration: by the way out that the server has for it,
// which leads inside to hosts of egress.inner_hosts only. mail is the one that is in use, declared or kept. Why a database cannot be read
// lookAtDatabase has said.
func (a *app) lookAtKept(ctx context.Context, c config.Config) (findings []finding, mail finding) {
	h, err := server.Open(ctx, server.Options{Use: server.ForReading, Config: c})
	for _, said := range []error{storage.ErrNoDatabase, storage.ErrSchemaOlder, storage.ErrSchemaNewer, storage.ErrUnavailable,
		server.ErrNoMasterKey} {
		if errors.Is(err, said) {
			return nil, lookAtMail(ctx, c)
		}
	}
	if err != nil {
		return []finding{{"upstreams", false, "those in the database cannot be read: " + err.Error()}}, lookAtMail(ctx, c)
	}
	defer func() { _ = h.Close() }()
	mail = lookAtMail(ctx, h.Config)
	for _, id := range []string{setting.Branding, setting.Mail} {
		if now, err := h.Settings.Section(ctx, id); err != nil {
			findings = append(findings, finding{id, false, "what the database has of it cannot be read: " + err.Error()})
		} else if now.Problem != "" {
			findings = append(findings, finding{id, false, "is kept in the database and not used: " + now.Problem})
		}
	}
	kept, broken, err := h.KeptUpstreams(ctx)
	if err != nil {
		return append(findings, finding{"upstreams", false, "those in the database cannot be read: " + err.Error()}), mail
	}
	for _, id := range slices.Sorted(maps.Keys(broken)) {
		findings = append(findings, finding{"upstreams[" + id + "]", false, "nobody can sign in with it: " + broken[id].Error()})
	}
	c.Upstreams = nil
	for _, u := range kept {
		findings = append(findings, lookAtUpstream(ctx, c, u)...)
		for theirs, ours := range u.Groups {
			findings = append(findings, lookAtGroup(ctx, h.DB, u.ID, theirs, ours)...)
		}
	}
	return findings, mail
}
