package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/clients"
)

// field is a word of the command line that stands for one member of a registration, as it is.
type field struct {
	flag, usage string
	of          func(*clients.Metadata) any // a pointer to it
}

// fields are the members that need no more than being set: what people and programs read of an app, and the algorithms of what it sends and
// gets.
var fields = []field{
	{"client-uri", "`address` of the app's own page (https)", func(m *clients.Metadata) any { return &m.ClientURI }},
	{"logo-uri", "`address` of its picture (https)", func(m *clients.Metadata) any { return &m.LogoURI }},
	{"policy-uri", "`address` of its privacy policy (https)", func(m *clients.Metadata) any { return &m.PolicyURI }},
	{"tos-uri", "`address` of its terms of service (https)", func(m *clients.Metadata) any { return &m.TOSURI }},
	{"localized", "`member#language=text`, like client_name#de=Laden or tos_uri#fr=https://…, for pages in that language; may be repeated",
		func(m *clients.Metadata) any { return &m.Localized }},
	{"agent", "an agent: it acts for people by itself, who say until when, and how often", func(m *clients.Metadata) any { return &m.Agent }},
	{"agent-max-days", "`days` for which a person can let the agent act; 0 = 90", func(m *clients.Metadata) any { return &m.AgentMaxDays }},
	{"agent-max-calls", "`calls` a day, at each API, that a person can allow the agent; 0 = any number",
		func(m *clients.Metadata) any { return &m.AgentMaxCalls }},
	{"contact", "`address` of somebody responsible for it; may be repeated", func(m *clients.Metadata) any { return &m.Contacts }},
	{"software-id", "which `program` it is, whoever runs it", func(m *clients.Metadata) any { return &m.SoftwareID }},
	{"software-version", "`version` of that program", func(m *clients.Metadata) any { return &m.SoftwareVersion }},
	{"auth-signing-alg", "`algorithm` of its assertions (private_key_jwt, client_secret_jwt); any that its keys have if left out",
		func(m *clients.Metadata) any { return &m.TokenEndpointAuthSigningAlg }},
	{"default-acr", "`value` that counts where a request has no acr_values; may be repeated",
		func(m *clients.Metadata) any { return &m.DefaultACRValues }},
	{"require-auth-time", "its ID tokens must have auth_time", func(m *clients.Metadata) any { return &m.RequireAuthTime }},
	{"userinfo-max-age", "`seconds` since the sign-in for which userinfo answers", func(m *clients.Metadata) any { return &m.UserinfoMaxAge }},
	{"request-uri", "`URI` where its request objects may be; may be repeated", func(m *clients.Metadata) any { return &m.RequestURIs }},
	{"request-object-alg", "`algorithm` of its request objects (RFC 9101); any that its keys have if left out",
		func(m *clients.Metadata) any { return &m.RequestObjectSigningAlg }},
	{"require-signed-request-object", "refuse authorization requests that are not signed objects",
		func(m *clients.Metadata) any { return &m.RequireSignedRequestObject }},
	{"request-object-encryption-alg", "`algorithm` by which it encrypts the keys of request objects",
		func(m *clients.Metadata) any { return &m.RequestObjectEncryptionAlg }},
	{"request-object-encryption-enc", "`algorithm` by which it encrypts their contents",
		func(m *clients.Metadata) any { return &m.RequestObjectEncryptionEnc }},
	{"id-token-encryption-alg", "`algorithm` by which the keys of its ID tokens are encrypted, like ECDH-ES; they are not if left out",
		func(m *clients.Metadata) any { return &m.IDTokenEncryptedResponseAlg }},
	{"id-token-encryption-enc", "`algorithm` by which their contents are, A128CBC-HS256 (default), A256GCM …",
		func(m *clients.Metadata) any { return &m.IDTokenEncryptedResponseEnc }},
	{"userinfo-alg", "`algorithm` that userinfo is signed with; JSON if left out",
		func(m *clients.Metadata) any { return &m.UserinfoSignedResponseAlg }},
	{"userinfo-encryption-alg", "`algorithm` by which the keys of userinfo are encrypted",
		func(m *clients.Metadata) any { return &m.UserinfoEncryptedResponseAlg }},
	{"userinfo-encryption-enc", "`algorithm` by which its contents are",
		func(m *clients.Metadata) any { return &m.UserinfoEncryptedResponseEnc }},
	{"introspection-alg", "`algorithm` that introspection is signed with where it is asked for as JWT (RFC 9701)",
		func(m *clients.Metadata) any { return &m.IntrospectionSignedResponseAlg }},
	{"introspection-encryption-alg", "`algorithm` by which the keys of such answers are encrypted",
		func(m *clients.Metadata) any { return &m.IntrospectionEncryptedResponseAlg }},
	{"introspection-encryption-enc", "`algorithm` by which their contents are",
		func(m *clients.Metadata) any { return &m.IntrospectionEncryptedResponseEnc }},
	{"authorization-alg", "`algorithm` of answers of the authorization endpoint as JWT (JARM)",
		func(m *clients.Metadata) any { return &m.AuthorizationSignedResponseAlg }},
	{"authorization-encryption-alg", "`algorithm` by which the keys of such answers are encrypted",
		func(m *clients.Metadata) any { return &m.AuthorizationEncryptedResponseAlg }},
	{"authorization-encryption-enc", "`algorithm` by which their contents are",
		func(m *clients.Metadata) any { return &m.AuthorizationEncryptedResponseEnc }},
}

func fieldFlags(c *cobra.Command, m *clients.Metadata) {
	s := c.Flags()
	for _, f := range fields {
		switch to := f.of(m).(type) {
		case *string:
			s.StringVar(to, f.flag, "", f.usage)
		case *bool:
			s.BoolVar(to, f.flag, false, f.usage)
		case *int64:
			s.Int64Var(to, f.flag, 0, f.usage)
		case *[]string:
			s.StringArrayVar(to, f.flag, nil, f.usage)
		case *map[string]string:
			s.Var(pairs{to}, f.flag, f.usage)
		}
	}
}

// pairs are words like name=value, of which there may be several; an empty one takes all away.
type pairs struct{ to *map[string]string }

func (p pairs) String() string { return "" }
func (p pairs) Type() string   { return "pairs" }
func (p pairs) Set(word string) error {
	if word == "" {
		return nil
	}
	name, value, ok := strings.Cut(word, "=")
	if !ok {
		return errors.New("write name=value")
	}
	if *p.to == nil {
		*p.to = map[string]string{}
	}
	(*p.to)[name] = value
	return nil
}

// applyFields changes the fields that were named. An empty word of a list takes the list away.
func applyFields(cmd *cobra.Command, from, m *clients.Metadata) {
	for _, f := range fields {
		if !cmd.Flags().Changed(f.flag) {
			continue
		}
		switch to := f.of(m).(type) {
		case *string:
			*to = *f.of(from).(*string)
		case *bool:
			*to = *f.of(from).(*bool)
		case *int64:
			*to = *f.of(from).(*int64)
		case *[]string:
			*to = slices.DeleteFunc(slices.Clone(*f.of(from).(*[]string)), func(s string) bool { return s == "" })
		case *map[string]string:
			*to = maps.Clone(*f.of(from).(*map[string]string))
		}
	}
}

// writeFields shows those that are set.
func writeFields(w io.Writer, m clients.Metadata) {
	for _, f := range fields {
		value := ""
		switch of := f.of(&m).(type) {
		case *string:
			value = *of
		case *bool:
			value = told(*of, "yes")
		case *int64:
			value = told(*of != 0, fmt.Sprint(*of))
		case *[]string:
			value = strings.Join(*of, " ")
		case *map[string]string:
			var words []string
			for _, name := range slices.Sorted(maps.Keys(*of)) {
				words = append(words, name+"="+(*of)[name])
			}
			value = strings.Join(words, ", ")
		}
		if value != "" {
			row(w, strings.ReplaceAll(f.flag, "-", " "), value)
		}
	}
}
