package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"signet/config"
)

// healthcheck asks the server that the same configuration starts whether it can do its work: for container images, which
// have no shell and no curl.
func (a *app) healthcheck() *cobra.Command {
	var limit time.Duration
	c := a.verb("healthcheck", "Exit with 0 if the server on this machine is ready, with 1 if not", 0,
		func(cmd *cobra.Command, _ []string) error {
			c, err := a.configured()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			if err := healthy(ctx, c); err != nil {
				return err
			}
			return a.answer(map[string]bool{"ready": true}, func(w io.Writer) { fmt.Fprintln(w, "ready") })
		})
	c.Flags().DurationVar(&limit, "timeout", 3*time.Second, "how long to wait for the answer")
	return c
}

// errNotRunning: nothing listens where the server would.
var errNotRunning = errors.New("not running")

// healthy asks the server of this configuration whether it is ready; errNotRunning where there is none.
func healthy(ctx context.Context, c config.Config) error {
	scheme, address, client := "http", c.Server.InternalListen, &http.Client{}
	if address == "" {
		address = c.Server.Listen
		if c.Server.TLS.On() {
			scheme = "https"
			// The certificate is for the issuer's name and may be of a private authority; nothing secret is sent or read.
			client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if call, ok := errors.AsType[*net.OpError](err); ok && call.Op == "dial" {
		return fmt.Errorf("%w: %w", errNotRunning, err)
	}
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
		return fmt.Errorf("not ready: %s answered %s: %s", req.URL, res.Status, bytes.TrimSpace(text))
	}
	return nil
}
