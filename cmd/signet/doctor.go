package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/config"
	"signet/server"
	"signet/server/health"
	"signet/storage"
	"signet/users/federation/provider"
)

// finding is one line of the doctor's answer.
type finding struct {
	About string `json:"about"` // configuration, database, server, mail, upstreams[ID]
	OK    bool   `json:"ok"`
	Text  string `json:"text"`
}

// doctor looks at what the configuration leads to: database, server, mail, and each upstream as it really is.
func (a *app) doctor() *cobra.Command {
	var limit time.Duration
	c := a.verb("doctor", "Look whether everything that the configuration names is there and set up", 0, func(cmd *cobra.Command, _ []string) error {
		c, err := a.configured()
		if err == nil {
			err = server.Check(c)
		}
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), limit)
		defer cancel()
		findings := []finding{{"configuration", true, "valid"}}
		for _, warning := range append(c.Warnings(), openToAll(c)...) {
			findings = append(findings, finding{"configuration", true, "worth a look: " + warning})
		}
		findings = append(findings, a.lookAtDatabase(ctx, c)...)
		findings = append(findings, lookAtServer(ctx, c), lookAtMail(ctx, c))
		for _, u := range c.Upstreams {
			findings = append(findings, lookAtUpstream(ctx, c, u)...)
		}
		bad := slices.ContainsFunc(findings, func(f finding) bool { return !f.OK })
		if err := a.answer(findings, func(w io.Writer) {
			for _, f := range findings {
				row(w, map[bool]string{true: "ok", false: "PROBLEM"}[f.OK], f.About, f.Text)
			}
		}); err != nil {
			return err
		}
		if bad {
			return errors.New("there are problems")
		}
		return nil
	})
	c.Flags().DurationVar(&limit, "timeout", time.Minute, "how long to look at most")
	return c
}

// lookAtDatabase opens it, unless it is a file that serve has still to make, and looks for what upstreams put people into.
func (a *app) lookAtDatabase(ctx context.Context, c config.Config) []finding {
	const about = "database"
	if path, file := strings.CutPrefix(c.Storage.DSN.Reveal(), "sqlite:"); file {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return []finding{{about, true, "not there yet; `signet serve` makes it"}}
		}
	}
	db, err := server.OpenDatabase(ctx, c, nil, server.ForReading)
	if err != nil {
		return []finding{{about, false, err.Error()}}
	}
	defer db.Close()
	if err := db.CheckSchema(ctx); err != nil && !errors.Is(err, storage.ErrSchemaAhead) {
		return []finding{{about, c.Storage.Migrate == config.MigrateAuto, "the schema is not of this version: " + err.Error()}}
	}
	findings := append([]finding{{about, true, "answers, and its schema is of this version"}, lookAtClock(ctx, db)}, lookAtMasterKeys(ctx, c, db)...)
	shared, err := server.SharedIDs(ctx, db, c)
	if err != nil {
		findings = append(findings, finding{about, false, err.Error()})
	}
	for _, id := range shared {
		findings = append(findings, finding{"clients[" + id + "]", false, "its id is a person's sub, too: give the client another id"})
	}
	for _, u := range c.Upstreams {
		for theirs, ours := range u.Groups {
			findings = append(findings, lookAtGroup(ctx, db, u.ID, theirs, ours)...)
		}
	}
	return findings
}

func lookAtGroup(ctx context.Context, db *storage.DB, upstream, theirs, ours string) []finding {
	exists, err := db.GroupExists(ctx, ours)
	switch {
	case err != nil:
		return []finding{{"upstreams[" + upstream + "].groups", false, err.Error()}}
	case !exists:
		return []finding{{"upstreams[" + upstream + "].groups", false, fmt.Sprintf("%s leads to the group %s, which is not there: `signet group create %s`", theirs, ours, ours)}}
	}
	return nil
}

// lookAtServer asks the server of this configuration, which need not run.
func lookAtServer(ctx context.Context, c config.Config) finding {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := healthy(ctx, c); err != nil {
		return finding{"server", true, "does not run here now: " + err.Error()}
	}
	return finding{"server", true, "runs and is ready"}
}

// lookAtMail greets the mail server and signs in there, as for an email, and sends none.
func lookAtMail(ctx context.Context, c config.Config) finding {
	const about = "mail"
	if !c.Mail.On() {
		return finding{about, true, "none is sent: addresses stay unverified"}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := server.CheckMail(ctx, c); err != nil {
		return finding{about, false, "the mail server cannot be used (look at mail.smtp: host, port, tls, username, password): " + err.Error()}
	}
	return finding{about, true, "is sent by " + c.Mail.Sender + "; `signet mail test ADDRESS` sends an email"}
}

// lookAtClock compares this machine's clock with the database's: codes and refresh tokens live by both.
func lookAtClock(ctx context.Context, db *storage.DB) finding {
	const about = "clock"
	skew, err := health.Skew(ctx, db.Clock)
	switch {
	case err != nil:
		return finding{about, false, "the database does not say what time it is: " + err.Error()}
	case skew.Abs() > health.SkewLimit:
		return finding{about, false, fmt.Sprintf("the database's clock is %s from this machine's; set both by NTP: honest apps are refused otherwise", skew)}
	}
	return finding{about, true, fmt.Sprintf("within %s of the database's", health.SkewLimit)}
}

// lookAtUpstream asks it through the guard that the server asks through.
func lookAtUpstream(ctx context.Context, c config.Config, u config.Upstream) []finding {
	about := "upstreams[" + u.ID + "]"
	client := server.UpstreamClient(c)
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
	local := config.Loopback(c.IssuerURL().Hostname())
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
