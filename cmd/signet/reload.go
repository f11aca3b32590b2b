package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"signet/config"
	"signet/server"
)

// reloader loads the configuration again when the process is told to (SIGHUP).
type reloader struct {
	app    *app
	server *server.Server
	first  config.Config // as the server started with it
	least  *slog.LevelVar
	log    *slog.Logger
}

// reloadPause bounds how often: each time everything is built anew. Signals meanwhile count as one.
const reloadPause = time.Second

func (r *reloader) run(ctx context.Context, hangup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		r.reload(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(reloadPause):
		}
	}
}

func (r *reloader) reload(ctx context.Context) {
	tellManager(r.log, "RELOADING=1")
	defer tellManager(r.log, "READY=1")
	c, err := r.app.checked()
	var changed []string
	if err == nil {
		changed, err = r.server.Reload(ctx, r.like(c))
	} else {
		r.server.Services().Metrics.ConfigLoaded(false, time.Now())
	}
	if err != nil {
		for _, mistake := range mistakes(err) {
			r.log.ErrorContext(ctx, "configuration not taken up", "error", mistake)
		}
		return
	}
	r.least.Set(level(c.Log.Level))
	r.log.InfoContext(ctx, "configuration loaded again", "changed", strings.Join(changed, " "))
}

// like gives a configuration the addresses that the server really has, where nobody wrote other ones down since.
func (r *reloader) like(c config.Config) config.Config {
	if _, port, err := net.SplitHostPort(c.Server.Listen); err == nil && port == "0" || c.LocalTrial() {
		c = c.WithListener(r.first.Server.Listen)
	}
	if c.LocalTrial() {
		c.Server.InternalListen = r.first.Server.InternalListen
	}
	return c
}

// tellManager tells the service manager how the process is, where one asks (sd_notify of systemd).
func tellManager(log *slog.Logger, state string) {
	at := os.Getenv("NOTIFY_SOCKET")
	if at == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: at, Net: "unixgram"}) // Go knows the @ of abstract names
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close()
	}
	if err != nil {
		log.Warn("service manager not told", "error", err)
	}
}

// beat tells the service manager again and again that the process is alive, at half the time after which it would be ended.
func beat(ctx context.Context, log *slog.Logger) {
	every, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || every <= 0 {
		return
	}
	ticker := time.NewTicker(time.Duration(every) * time.Microsecond / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			tellManager(log, "WATCHDOG=1")
		}
	}
}
