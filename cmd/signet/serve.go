package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"signet/audit"
	"signet/config"
	"signet/internal/release"
	"signet/internal/telemetry"
	"signet/internal/tracing"
	"signet/server"
	"signet/users/firstrun"
	"signet/users/membership"
)

func (a *app) serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Start the server",
		Long: "Start the server. Without any configuration it is a complete local trial: SQLite database, keys and a demo app.\n" +
			"It stops when it is interrupted (Ctrl-C, SIGTERM), after finishing the requests in hand; a second signal stops it at once.\n" +
			"SIGHUP loads the configuration again: a mistake changes nothing, and what needs a restart is said.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("`%s` takes no arguments, got %q", cmd.CommandPath(), args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runServer(cmd.Context()) },
	}
}

func (a *app) runServer(ctx context.Context) (err error) {
	c, err := a.checked()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal has its usual effect: it ends the process

	out := telemetry.NewBuffered(a.stderr)
	defer func() { err = errors.Join(err, out.Close()) }()
	least := new(slog.LevelVar)
	least.Set(level(c.Log.Level))
	log := telemetry.NewLogger(telemetry.LogOptions{Writer: out, Format: c.Log.Format, Level: least})
	tuneMemory()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	listeners, err := server.Listen(c)
	if err != nil {
		return err
	}
	c = c.WithListener(listeners.Public.Addr().String())
	if listeners.Internal != nil && c.LocalTrial() {
		if at := listeners.Internal.Addr().String(); at != c.Server.InternalListen {
			a.notice(fmt.Sprintf("%s is taken; metrics and health are at %s this time (server.internal_listen)", c.Server.InternalListen, at))
			c.Server.InternalListen = at
		}
	}
	tracer, err := tracing.FromEnvironment(ctx, release.Version(), log)
	if err != nil {
		return errors.Join(err, listeners.Close())
	}
	defer flush(tracer, log)
	h, err := server.Open(ctx, server.Options{Config: c, Log: log, Notice: a.notice, Tracer: tracer})
	if err != nil {
		return errors.Join(err, listeners.Close())
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	s, err := server.New(h)
	if err == nil {
		err = h.Audit.Record(audit.WithOrigin(ctx, audit.Origin{Actor: "system"}), audit.Event{Name: audit.ConfigLoaded, Detail: thisBuild()})
	}
	if err != nil {
		return errors.Join(err, listeners.Close())
	}
	for _, warning := range warnings(h.Config) { // with what the database keeps
		log.WarnContext(ctx, "configuration", "warning", warning)
	}
	first, err := a.firstAdministrator(ctx, h)
	if err != nil {
		return errors.Join(err, listeners.Close())
	}
	var reloading sync.WaitGroup
	reloading.Go(func() { (&reloader{a, s, c, least, log}).run(ctx, hangup) })
	reloading.Go(func() { beat(ctx, log) })
	defer reloading.Wait()
	defer stop()
	return s.Run(ctx, listeners, func() {
		tellManager(log, "READY=1")
		// It kills after its own time (TimeoutStopSec), which may be the shorter one.
		ends := h.Config.Server.ShutdownGrace + endsWithin
		context.AfterFunc(ctx, func() { tellManager(log, fmt.Sprintf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%d", ends.Microseconds())) })
		a.welcome(c, first)
	})
}

// endsWithin is for what is left to do when requests have ended: jobs, traces, the database.
const endsWithin = 15 * time.Second

// flush sends what is left of the traces; it runs when all that made some is closed.
func flush(t *tracing.Tracer, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := t.Shutdown(ctx); err != nil {
		log.Warn("the last traces were not sent", "error", err)
	}
}

func level(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // config knows the names
	return l
}

// Garbage collection: what lives long here is small (a few MB of keys, clients, templates) and what is made per request is
// gone with it, so collecting at double the live heap, Go's default, runs far too often. The limit keeps a flood from
// turning that into memory. GOGC and GOMEMLIMIT win.
const (
	gcPercent   = 800
	memoryLimit = 1 << 30
)

func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// firstAdministrator is how somebody becomes one where nobody is; "" = somebody is. Only a terminal is shown the link: logs are kept, and
// read by others.
func (a *app) firstAdministrator(ctx context.Context, h *server.Services) (string, error) {
	people, groups, err := h.Members.Holders(ctx, membership.Admin)
	if err != nil || len(people)+len(groups) > 0 {
		return "", err
	}
	if a.terminal() {
		link, err := h.FirstRunLink(ctx)
		if err != nil {
			return "", err
		}
		if link != "" {
			return fmt.Sprintf("none yet. This link makes one, once, within %d minutes:\n    %s", int(firstrun.Life.Minutes()), link), nil
		}
	}
	return "none yet: `signet user create --email ADDRESS --admin` makes one", nil
}

// terminal reports whether standard output is one.
func (a *app) terminal() bool {
	out := a.stdout
	if p, ok := out.(*plain); ok {
		out = p.w
	}
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, null)
}

// welcome is the block that tells where everything is; it goes to standard output, the log to standard error.
func (a *app) welcome(c config.Config, first string) {
	issuer := c.Server.Issuer
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "  %-15s %s\n", name, value) }
	b.WriteString("\n")
	if c.LocalTrial() {
		b.WriteString("  Signet is ready. This is a local trial: no issuer is configured.\n\n")
	} else {
		b.WriteString("  Signet is ready.\n\n")
	}
	line("address", issuer)
	if c.Signup.Mode == config.SignupOpen {
		line("sign up", issuer+"/signup")
	}
	line("your account", issuer+"/account")
	switch {
	case first != "":
		line("administrator", first)
	case c.Admin.Console:
		line("administration", issuer+"/admin")
	}
	line("discovery", issuer+"/.well-known/openid-configuration")
	if c.Server.InternalListen != "" {
		line("metrics", "http://"+c.Server.InternalListen+"/metrics")
	}
	line("database", c.Storage.DSN.String())
	if path := c.Storage.DSN.SQLitePath(); path != "" && c.MasterKey.Empty() {
		line("master key", filepath.Join(filepath.Dir(path), server.MasterFile)+"  (keep a copy elsewhere: without it the database is worthless)")
	}
	if c.LocalTrial() {
		line("demo app", issuer+"/demo")
		line("demo client id", "demo  (public, PKCE, redirect URI "+issuer+"/demo/callback)")
	}
	b.WriteString("\n  Next:\n")
	for _, next := range a.next(c) {
		fmt.Fprintf(&b, "    %s\n", next)
	}
	b.WriteString("\n  Ctrl-C stops.\n\n")
	fmt.Fprint(a.stdout, b.String())
}

// next are three commands to try, with the flags that reach the same database.
func (a *app) next(c config.Config) []string {
	command := "signet"
	if strings.Contains(os.Args[0], "/go-build") {
		command = "go run ./cmd/signet"
	}
	same := ""
	if a.sources.File != "" {
		same += " --config " + a.sources.File
	}
	if a.sources.Data != "" {
		same += " --data " + a.sources.Data
	}
	if a.sources.Issuer != "" {
		same += " --issuer " + a.sources.Issuer
	} else if c.LocalTrial() && c.Origin("server.listen") != config.OriginDefault {
		same += " --listen " + c.Server.Listen
	}
	return []string{
		fmt.Sprintf("%s client create%s --name Shop --redirect-uri http://localhost:3000/callback --for go", command, same),
		fmt.Sprintf("%s user create%s --email ada@example.com --password-file -", command, same),
		fmt.Sprintf("%s config show%s", command, same),
	}
}
