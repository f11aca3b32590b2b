package registration

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/clients/algs"
)

// StatementIssuer signs software statements (RFC 7591 section 2.3) that are believed here.
type StatementIssuer struct {
	Issuer  string              // iss, exactly
	JWKS    *jose.JSONWebKeySet // its keys, or
	JWKSURI string              // where they are
}

// Statements are the software statements that count.
type Statements struct {
	Issuers  []StatementIssuer
	Required bool // nobody registers without one
	// Keys finds an issuer's keys; *keyset.Cache.
	Keys interface {
		Keys(ctx context.Context, c *clients.Client, fits func(jose.JSONWebKey) bool) ([]jose.JSONWebKey, error)
	}
}

const (
	maxStatement  = 16 << 10
	statementSkew = 30 * time.Second
)

func badStatement(description string) *Refusal {
	return &Refusal{"invalid_software_statement", description}
}

// stated is the document with the claims of its software statement in it, which win (RFC 7591 section 2.3), in every language, and the
// statement; "" = it has none. Errors are *Refusal.
func (s *Service) stated(ctx context.Context, document map[string]json.RawMessage) (map[string]json.RawMessage, string, error) {
	value, there := document["software_statement"]
	if !there || string(value) == "null" {
		if s.o.Statements.Required {
			return nil, "", badStatement("software_statement is missing.")
		}
		return document, "", nil
	}
	if len(s.o.Statements.Issuers) == 0 {
		return nil, "", &Refusal{"unapproved_software_statement", "No issuer of software statements is trusted here."}
	}
	var statement string
	if json.Unmarshal(value, &statement) != nil || len(statement) > maxStatement {
		return nil, "", badStatement("software_statement is not a JWT of at most 16 KiB.")
	}
	claims, err := s.believed(ctx, statement)
	if err != nil {
		return nil, "", err
	}
	merged, vouched := maps.Clone(document), map[string]bool{}
	for name := range claims {
		member, _, _ := strings.Cut(name, "#")
		vouched[member] = true
	}
	maps.DeleteFunc(merged, func(name string, _ json.RawMessage) bool { // a translation must not say otherwise
		member, _, local := strings.Cut(name, "#")
		return local && vouched[member]
	})
	for name, value := range claims {
		if member, _, _ := strings.Cut(name, "#"); slices.Contains(theirs, member) {
			merged[name] = value
		}
	}
	return merged, statement, nil
}

// believed are the claims of a statement that a trusted issuer signed.
func (s *Service) believed(ctx context.Context, statement string) (map[string]json.RawMessage, error) {
	taken := make([]jose.SignatureAlgorithm, len(algs.Issuers))
	for i, a := range algs.Issuers {
		taken[i] = jose.SignatureAlgorithm(a)
	}
	token, err := jwt.ParseSigned(statement, taken)
	if err != nil {
		return nil, badStatement("The software statement is malformed, or of an algorithm that is not taken.")
	}
	var unverified jwt.Claims
	if token.UnsafeClaimsWithoutVerification(&unverified) != nil {
		return nil, badStatement("The software statement is malformed.")
	}
	at := slices.IndexFunc(s.o.Statements.Issuers, func(i StatementIssuer) bool { return i.Issuer == unverified.Issuer })
	if at < 0 {
		return nil, &Refusal{"unapproved_software_statement", "The issuer of the software statement is not trusted here."}
	}
	head := token.Headers[0]
	if typ, ok := head.ExtraHeaders[jose.HeaderType].(string); ok && !strings.EqualFold(typ, "JWT") || head.ExtraHeaders["crit"] != nil {
		return nil, badStatement("The software statement is another sort of JWT.")
	}
	issuer := s.o.Statements.Issuers[at]
	fits := func(k jose.JSONWebKey) bool {
		return (head.KeyID == "" || k.KeyID == "" || k.KeyID == head.KeyID) && clients.Verifies(k, head.Algorithm)
	}
	source := &clients.Client{
		Metadata: clients.Metadata{ClientID: "software statements " + issuer.Issuer, JWKS: issuer.JWKS, JWKSURI: issuer.JWKSURI}}
	keys, err := s.o.Statements.Keys.Keys(ctx, source, fits)
	if err != nil {
		return nil, badStatement("The keys of the software statement's issuer cannot be had.")
	}
	for _, key := range keys {
		var claims map[string]json.RawMessage
		var about jwt.Claims
		if !fits(key) || token.Claims(key.Key, &about, &claims) != nil {
			continue
		}
		if err := about.ValidateWithLeeway(jwt.Expected{Time: time.Now()}, statementSkew); err != nil {
			return nil, badStatement("The software statement expired, or is not valid yet.")
		}
		return claims, nil
	}
	return nil, badStatement("The signature of the software statement is wrong.")
}

// check wants issuers that can be asked.
func (s Statements) check() error {
	if s.Required && len(s.Issuers) == 0 {
		return errors.New("registration: software statements are required and no issuer is trusted")
	}
	if len(s.Issuers) > 0 && s.Keys == nil {
		return errors.New("registration: software statements need a source of keys")
	}
	return nil
}
