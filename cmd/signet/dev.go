package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"signet/audit"
	"signet/config"
	"signet/internal/telemetry"
	"signet/server"
)

// devOptions are the flags of dev.
type devOptions struct {
	seed       string
	untilStdin bool
}

func (a *app) dev() *cobra.Command {
	var o devOptions
	c := a.verb("dev", "Start a test server: in memory, on this machine only, with people who sign in by one click", 0,
		func(cmd *cobra.Command, _ []string) error { return a.runDev(cmd.Context(), o) })
	c.Long = "Start a server for the tests of apps and APIs. It is never for production: anybody who reaches it signs in as anybody,\n" +
		"by one click, so it listens on this machine only. All it has is in memory and ends with it; its keys are made at the start.\n\n" +
		"The seed is a file with the keys of the configuration (config.yaml) and with users; lifetimes may be as short as 1s:\n\n" +
		"  users:\n    - {email: ada@example.com, name: Ada Lovelace, groups: [staff]}\n" +
		"  clients:\n    - {client_id: app, token_endpoint_auth_method: none, redirect_uris: [http://localhost:3000/callback]}\n" +
		"  tokens: {access_lifetime: 2s}\n\n" +
		"No other file and no variable of the environment is read. Without a seed there are two people and a public client app."
	f := c.Flags()
	f.StringVar(&o.seed, "seed", "", "`file` with people, clients, resources and settings")
	f.BoolVar(&o.untilStdin, "until-stdin-closes", false, "stop when standard input ends, as it does with the test that started it")
	return c
}

// ready is what dev says once it answers, with --json.
type ready struct {
	Issuer  string      `json:"issuer"`
	Users   []readyUser `json:"users"`
	Clients []string    `json:"clients"`
}

// readyUser is how somebody signs in.
type readyUser struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

func (a *app) runDev(ctx context.Context, o devOptions) (err error) {
	if a.sources.File != "" || a.sources.Data != "" {
		return usage("`signet dev` takes neither --config nor --data: what it has is in --seed, and in memory")
	}
	tuneMemory()
	a.sources.File = o.seed
	c, err := config.LoadSeed(a.sources)
	if err == nil {
		err = server.Check(c)
	}
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	out := telemetry.NewBuffered(a.stderr)
	defer func() { err = errors.Join(err, out.Close()) }()
	least := new(slog.LevelVar)
	least.Set(level(c.Log.Level))
	log := telemetry.NewLogger(telemetry.LogOptions{Writer: out, Format: c.Log.Format, Level: least})

	listeners, err := server.Listen(c)
	if err != nil {
		return err
	}
	c = c.WithListener(listeners.Public.Addr().String())
	ctx = audit.WithOrigin(ctx, audit.Origin{Actor: "system"})
	h, err := server.Open(ctx, server.Options{Config: c, Log: log, Notice: a.notice})
	if err != nil {
		return errors.Join(err, listeners.Close())
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	s, err := server.New(h)
	if err == nil {
		err = h.Seed(ctx)
	}
	if err != nil {
		return errors.Join(err, listeners.Close())
	}
	return s.Run(ctx, listeners, func() {
		a.devReady(c)
		if o.untilStdin {
			go func() {
				_, _ = io.Copy(io.Discard, a.stdin)
				stop()
			}()
		}
	})
}

// devReady tells where the test server is and who signs in there.
func (a *app) devReady(c config.Config) {
	out := ready{Issuer: c.Server.Issuer, Users: []readyUser{}, Clients: []string{}}
	for _, u := range c.Seed.Users {
		out.Users = append(out.Users, readyUser{u.Email, u.Password.Reveal()})
	}
	for _, one := range c.Clients {
		out.Clients = append(out.Clients, one.ClientID)
	}
	if a.json {
		_ = json.NewEncoder(a.stdout).Encode(out) // one line
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Signet is ready. This is a TEST SERVER: anybody signs in as anybody, and all is forgotten when it stops.\n\n")
	fmt.Fprintf(&b, "  %-15s %s\n  %-15s %s\n", "issuer", out.Issuer, "discovery", out.Issuer+"/.well-known/openid-configuration")
	for _, u := range out.Users {
		fmt.Fprintf(&b, "  %-15s %s  (one click at %s/signin)\n", "person", u.Login, out.Issuer)
	}
	for _, id := range out.Clients {
		fmt.Fprintf(&b, "  %-15s %s\n", "client id", id)
	}
	b.WriteString("\n  Ctrl-C stops.\n\n")
	fmt.Fprint(a.stdout, b.String())
}
