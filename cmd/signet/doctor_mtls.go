package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"signet/config"
	"signet/internal/egress"
	"signet/server"
)

// lookAtMTLS goes to where apps come with certificates, without one, as an app that nobody has. Where a proxy says in a header what
// certificate it saw, it sends this header itself: a proxy that lets it pass would let anybody be any app.
func lookAtMTLS(ctx context.Context, c config.Config, runs bool) []finding {
	if !c.Server.MTLS.On() {
		return nil
	}
	address := c.MTLSBase() + "/oauth2/token"
	answer, err := askMTLS(ctx, c, address)
	return []finding{judgeMTLS(c, address, runs, answer, err)}
}

func judgeMTLS(c config.Config, address string, runs bool, answer egress.Response, err error) finding {
	const about = "mTLS address"
	var said struct{ Error string }
	_ = json.Unmarshal(answer.Body, &said) // what is not ours has none
	switch {
	case err != nil && !runs:
		return finding{about, true, "not checked, the server is stopped: " + err.Error()}
	case err != nil:
		return finding{about, false, fmt.Sprintf("no answer from %s (look at DNS, the firewall, the proxy, and the certificate there): %v",
			address, err)}
	case said.Error == "invalid_request" && c.Server.MTLS.Header != "":
		return finding{about, false, fmt.Sprintf("the proxy passes on the header %s of anybody: whoever sends one is any app; have it "+
			"removed or overwritten in every request (docs/proxies.md)", c.Server.MTLS.Header)}
	case said.Error != "invalid_client":
		return finding{about, false, fmt.Sprintf("%s says %d, which is not Signet's answer to an app without a certificate; the proxy must "+
			"ask for certificates and demand none, and pass host and path on as they are", address, answer.Status)}
	case c.Server.MTLS.Header != "":
		return finding{about, true, address + " answers, and the proxy drops " + c.Server.MTLS.Header + " of others"}
	}
	return finding{about, true, address + " answers"}
}

func askMTLS(ctx context.Context, c config.Config, address string) (egress.Response, error) {
	at, err := url.Parse(address)
	if err != nil {
		return egress.Response{}, err
	}
	roots, err := server.Roots(c)
	if err != nil {
		return egress.Response{}, err
	}
	client := egress.New(egress.Options{Total: 10 * time.Second, Roots: roots, Inner: []string{at.Hostname()}})
	defer client.Close()
	q := egress.Request{
		Method: "POST", URL: address, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		Body: []byte("grant_type=client_credentials&client_id=signet-doctor"),
	}
	if c.Server.MTLS.Header != "" {
		q.Header[c.Server.MTLS.Header] = "signet doctor" // none of the forms reads this
	}
	return client.Fetch(ctx, q)
}
