// Command workload is a service without a secret: in its place it sends the token that its platform renews (Kubernetes, GitHub Actions,
// SPIFFE; RFC 7523 section 2.2), and gets an access token for an API.
//
// Environment: ISSUER (http://localhost:9400), CLIENT_ID (worker), TOKEN_FILE (where the platform writes its token), SCOPE.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	if err := work(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func work(ctx context.Context) error {
	issuer := cmp.Or(os.Getenv("ISSUER"), "http://localhost:9400")
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return fmt.Errorf("discover %s: %w", issuer, err)
	}
	token, err := (&platform{
		file: cmp.Or(os.Getenv("TOKEN_FILE"), "/var/run/secrets/signet/token"),
		ask: clientcredentials.Config{ClientID: cmp.Or(os.Getenv("CLIENT_ID"), "worker"), TokenURL: provider.Endpoint().TokenURL,
			Scopes: strings.Fields(os.Getenv("SCOPE")), AuthStyle: oauth2.AuthStyleInParams},
		ctx: ctx,
	}).Token()
	if err != nil {
		return fmt.Errorf("get an access token: %w", err)
	}
	fmt.Printf("An access token of type %s, until %s\n", token.TokenType, token.Expiry.Format("15:04:05"))
	return nil
}

// platform is a source of access tokens. It reads the file each time, for the platform writes a new token before the old one ends.
type platform struct {
	file string
	ask  clientcredentials.Config
	ctx  context.Context
}

// Token asks for one.
func (p *platform) Token() (*oauth2.Token, error) {
	said, err := os.ReadFile(p.file)
	if err != nil {
		return nil, err
	}
	ask := p.ask
	ask.EndpointParams = url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {strings.TrimSpace(string(said))},
	}
	return ask.Token(p.ctx)
}
