package oauth

import (
	"fmt"
	"strings"
	"testing"

	"signet/clients"
)

// TestEveryGrantCanBeRegistered: what the token endpoint answers is what package clients knows.
func TestEveryGrantCanBeRegistered(t *testing.T) {
	for _, g := range configured(t).register {
		m := clients.Metadata{ClientID: "x", GrantTypes: []string{g.name}}
		if err := m.Validate(); err != nil && strings.Contains(err.Error(), fmt.Sprintf("%q is not offered", g.name)) {
			t.Errorf("%s: %v", g.name, err)
		}
	}
}
