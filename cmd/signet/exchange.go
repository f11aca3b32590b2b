package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/clients"
	"signet/server"
)

// exchangeFlags are the words about what an app may exchange (RFC 8693).
type exchangeFlags struct {
	clients.Exchange
	servers []string
}

func (f *exchangeFlags) flags(c *cobra.Command) {
	s := c.Flags()
	s.StringSliceVar(&f.Targets, "exchange-target", nil,
		"`URIs` of the APIs for which the app may get tokens in exchange for those it is called with; on update, \"\" takes all of it away")
	s.StringSliceVar(&f.SubjectsFrom, "exchange-from", nil,
		"client `IDs` whose tokens it may exchange beside its own, for the APIs that name the app in --exchanged-by; * = any client's")
	s.StringSliceVar(&f.Scopes, "exchange-scope", nil, "`scopes` that the new tokens may have")
	s.StringSliceVar(&f.Actors, "exchange-actor", nil, "client `IDs` whose tokens may say who acts")
	s.StringArrayVar(&f.servers, "exchange-id-jag", nil,
		"audience=…,client_id=…[,scope=…][,resource=…][,group=…][,subject_of=…]: another authorization `server` that the app may get assertions "+
			"for (ID-JAG), scope, resource and group as often as there are some; may be repeated, \"\" takes all away")
	s.BoolVar(&f.Bearer, "exchange-bearer", false, "new tokens for bound ones may be bound to no key")
}

// apply changes what was named on the command line. The grant type comes and goes with the policy.
func (f *exchangeFlags) apply(cmd *cobra.Command, m *clients.Metadata) error {
	policy, named := clients.Exchange{}, false
	if m.Exchange != nil {
		policy = *m.Exchange
	}
	set := func(flag string, do func()) {
		if cmd.Flags().Changed(flag) {
			named = true
			do()
		}
	}
	set("exchange-target", func() { policy.Targets = f.Targets })
	set("exchange-from", func() { policy.SubjectsFrom = f.SubjectsFrom })
	set("exchange-scope", func() { policy.Scopes = strings.Fields(strings.Join(f.Scopes, " ")) })
	set("exchange-actor", func() { policy.Actors = f.Actors })
	set("exchange-bearer", func() { policy.Bearer = f.Bearer })
	var err error
	set("exchange-id-jag", func() { policy.IDJAG, err = otherServers(f.servers) })
	if !named || err != nil {
		return err
	}
	if len(m.GrantTypes) == 0 && len(policy.IDJAG) > 0 { // assertions are about people who signed in
		m.GrantTypes = []string{clients.AuthorizationCode}
	}
	m.Exchange = &policy
	ended := cmd.Flags().Changed("exchange-target") || cmd.Flags().Changed("exchange-id-jag")
	if ended && len(policy.Targets) == 0 && len(policy.IDJAG) == 0 {
		m.Exchange = nil
		m.GrantTypes = slices.DeleteFunc(slices.Clone(m.GrantTypes), func(g string) bool { return g == clients.TokenExchange })
	} else if !slices.Contains(m.GrantTypes, clients.TokenExchange) {
		m.GrantTypes = append(slices.Clone(m.GrantTypes), clients.TokenExchange)
	}
	return nil
}

// otherServers reads the words of --exchange-id-jag.
func otherServers(words []string) (list []clients.IDJAG, err error) {
	for _, word := range words {
		if word == "" {
			continue
		}
		var j clients.IDJAG
		for part := range strings.SplitSeq(word, ",") {
			name, value, _ := strings.Cut(part, "=")
			switch name {
			case "audience":
				j.Audience = value
			case "client_id":
				j.ClientID = value
			case "scope":
				j.Scopes = append(j.Scopes, strings.Fields(value)...)
			case "resource":
				j.Resources = append(j.Resources, value)
			case "group":
				j.Groups = append(j.Groups, value)
			case "subject_of":
				j.SubjectOf = value
			default:
				return nil, usage("--exchange-id-jag %s: %q is none of audience, client_id, scope, resource, group and subject_of", word, name)
			}
		}
		list = append(list, j)
	}
	return list, nil
}

// warnOfExchange names targets that are not there: tokens for them are refused.
func (a *app) warnOfExchange(h *server.Services, e *clients.Exchange) {
	if e == nil {
		return
	}
	for _, id := range e.Targets {
		if _, ok := h.Clients.Resources().Named(h.Config.Server.Issuer, id); !ok {
			a.notice(fmt.Sprintf("Warning: there is no resource %q, so the app gets no tokens for it; register the API: "+
				"`signet resource create %s`", id, id))
		}
	}
}
