package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"signet/config"
	"signet/internal/egress"
	"signet/server"
)

// wellKnown is where apps look first (OpenID Connect Discovery 1.0 section 4).
const wellKnown = "/.well-known/openid-configuration"

// lookAtPublicAddress asks for the discovery document as an app would: by name, through the proxy, following no redirect. Where the
// server is stopped, that nothing answers is no problem; a wrong answer is.
func lookAtPublicAddress(ctx context.Context, c config.Config, runs bool) finding {
	const about = "public address"
	address := c.Server.Issuer + wellKnown
	if err := askPublicAddress(ctx, c, address); errors.Is(err, errNoAnswer) && !runs {
		return finding{about, true, "not checked, the server is stopped: " + err.Error()}
	} else if err != nil {
		return finding{about, false, err.Error()}
	}
	return finding{about, true, address + " answers as apps expect"}
}

// errNoAnswer: nothing is there, or a proxy with nothing behind it.
var errNoAnswer = errors.New("no answer")

func askPublicAddress(ctx context.Context, c config.Config, address string) error {
	host := []string{c.IssuerURL().Hostname()}
	roots, err := server.Roots(c)
	if err != nil {
		return err
	}
	o := egress.Options{Total: 10 * time.Second, Inner: host, Roots: roots}
	if c.IssuerURL().Scheme == "http" {
		o.Allow = host // config takes http on this machine only
	}
	client := egress.New(o)
	defer client.Close()
	answer, err := client.Fetch(ctx, egress.Request{URL: address})
	if _, refused := errors.AsType[*tls.CertificateVerificationError](err); refused {
		return fmt.Errorf("the certificate of %s is not taken here (look at server.tls or the proxy's certificate): %w", host[0], err)
	}
	switch {
	case errors.Is(err, egress.ErrAnswer):
		return fmt.Errorf("%s is not Signet's answer; the proxy must pass the path on as it is, without a redirect: %w", address, err)
	case err != nil:
		return fmt.Errorf("%w from %s (look at DNS, the firewall, the proxy, and whether server.issuer is right): %w", errNoAnswer, address, err)
	case answer.Status >= http.StatusBadGateway && answer.Status <= http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %s says %d: the proxy does not reach server.listen (%s)", errNoAnswer, address, answer.Status, c.Server.Listen)
	case answer.Status != http.StatusOK:
		return fmt.Errorf("%s says %d: the proxy must pass the host and the path on as they are (docs/proxies.md)", address, answer.Status)
	}
	var document struct{ Issuer string }
	if err := json.Unmarshal(answer.Body, &document); err != nil {
		return fmt.Errorf("%s answers with something that is not a discovery document: look at what the proxy passes on", address)
	}
	if document.Issuer != c.Server.Issuer {
		return fmt.Errorf("%s names the issuer %.200q, server.issuer is %q: another server answers there, or one with another configuration",
			address, document.Issuer, c.Server.Issuer)
	}
	return nil
}
