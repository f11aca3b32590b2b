package server

import (
	"encoding/json"
	"errors"
	"fmt"

	"signet/clients"
	"signet/clients/detail"
	"signet/config"
	"signet/server/demo"
)

// declaredClients hands the configuration's clients over to package clients, through JSON: the names are the same (RFC 7591).
// Those that cannot be are in the error. In the local trial the demo app is one of them, unless somebody declared another by its name.
func declaredClients(c config.Config) ([]clients.Metadata, error) {
	var all []clients.Metadata
	var errs []error
	named := map[string]bool{}
	for _, entry := range c.Clients {
		var m clients.Metadata
		if err := translate(entry, &m); err != nil {
			errs = append(errs, fmt.Errorf("clients[%s]: %w", entry.ClientID, err))
			continue
		}
		m.ClientSecret = entry.ClientSecret.Reveal()
		named[m.ClientID] = true
		all = append(all, m)
	}
	if c.LocalTrial() && !named[demo.ClientID] {
		all = append(all, demoClient(c))
	}
	return all, errors.Join(errs...)
}

func declaredResources(c config.Config) (all []clients.Resource) {
	for _, entry := range c.Resources {
		r := clients.Resource{Identifier: entry.Identifier, Name: entry.Name, IntrospectedBy: entry.IntrospectedBy,
			ExchangedBy: entry.ExchangedBy, RequireSecondFactor: entry.RequireSecondFactor, MaxAge: entry.MaxAge,
			Open: entry.Open, Declared: true}
		r.Scopes, r.Details = Scopes(entry.Scopes)
		r.DetailsTypes = DetailsTypes(entry.DetailsTypes)
		all = append(all, r)
	}
	if c.Admin.HasAPI() {
		all = append(all, adminResource(c))
	}
	if toolsOn(c) {
		all = append(all, toolsResource(c))
	}
	return all
}

// Scopes hands scopes as they are configured over to package clients.
func Scopes(entries []config.ResourceScope) (names []string, details map[string]clients.ScopeDetails) {
	for _, s := range entries {
		names = append(names, s.Name)
		d := clients.ScopeDetails{Title: clients.Text(s.Title), Description: clients.Text(s.Description), Required: s.Required,
			Sensitive: s.Sensitive}
		if d.Empty() {
			continue
		}
		if details == nil {
			details = map[string]clients.ScopeDetails{}
		}
		details[s.Name] = d
	}
	return names, details
}

// DetailsTypes hands types of authorization details as they are configured over to package clients.
func DetailsTypes(entries []config.DetailsType) (types []detail.Type) {
	for _, t := range entries {
		one := detail.Type{Type: t.Type, Title: clients.Text(t.Title)}
		for _, f := range t.Fields {
			field := detail.Field{Name: f.Name, Title: clients.Text(f.Title), Kind: f.Kind, Required: f.Required, AtMost: f.AtMost}
			for _, v := range f.Values {
				field.Values = append(field.Values, detail.Value{Value: v.Value, Title: clients.Text(v.Title)})
			}
			one.Fields = append(one.Fields, field)
		}
		types = append(types, one)
	}
	return types
}

func translate(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// demoClient is the app of package demo: public, so that PKCE is all it has, and asked for consent like any other.
func demoClient(c config.Config) clients.Metadata {
	issuer := c.IssuerURL()
	return clients.Metadata{
		ClientID: demo.ClientID, ClientName: "Demo app", ApplicationType: clients.Web,
		RedirectURIs:            []string{demo.RedirectURI(issuer)},
		PostLogoutRedirectURIs:  []string{demo.HomeURI(issuer)},
		GrantTypes:              []string{clients.AuthorizationCode, clients.RefreshToken},
		ResponseTypes:           []string{"code"},
		TokenEndpointAuthMethod: clients.MethodNone,
		Scope:                   demo.Scope + " offline_access",
		FirstParty:              true, // it is ours: no warning on the consent page, which a public app on loopback still shows
	}
}
