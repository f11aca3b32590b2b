package refusal_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ory/fosite"

	"signet/oauth/refusal"
	"signet/storage"
)

// allowed is what an error_description may hold (RFC 6749 section 5.2).
var allowed = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)

func TestA14_CodesOfTheCoreBecomeTheStandards(t *testing.T) { // decision 0002; RFC 6749 section 5.2
	for name, test := range map[string]struct {
		err    error
		code   string
		status int
	}{
		"invalid-state":         {fosite.ErrInvalidState, "invalid_request", 400},
		"entropy":               {fosite.ErrInsufficientEntropy, "invalid_request", 400},
		"jti-known":             {fosite.ErrJTIKnown, "invalid_client", 401},
		"scope-not-granted":     {fosite.ErrScopeNotGranted, "invalid_scope", 400},
		"request-unauthorized":  {fosite.ErrRequestUnauthorized, "invalid_token", 401},
		"token-inactive":        {fosite.ErrInactiveToken, "invalid_grant", 400},
		"not-found":             {fosite.ErrNotFound, "invalid_grant", 400},
		"misconfiguration":      {fosite.ErrMisconfiguration, "server_error", 500},
		"error":                 {fosite.ErrUnknownRequest, "server_error", 500},
		"serialization":         {fosite.ErrSerializationFailure, "server_error", 500},
		"access-denied":         {fosite.ErrAccessDenied, "access_denied", 400},
		"invalid-request":       {fosite.ErrInvalidRequest.WithHint(`said "x"`), "invalid_request", 400},
		"invalid-grant":         {fosite.ErrInvalidGrant, "invalid_grant", 400},
		"invalid-client":        {fosite.ErrInvalidClient, "invalid_client", 401},
		"unauthorized-client":   {fosite.ErrUnauthorizedClient, "unauthorized_client", 400},
		"invalid-scope":         {fosite.ErrInvalidScope.WithHintf("scope '%s'", "<b>"), "invalid_scope", 400},
		"server-error":          {fosite.ErrServerError, "server_error", 500},
		"unavailable":           {fosite.ErrTemporarilyUnavailable, "temporarily_unavailable", 503},
		"code-spent-by-another": {fosite.ErrServerError.WithWrap(fosite.ErrInvalidatedAuthorizeCode), "invalid_grant", 400},
		"database-away":         {storage.ErrUnavailable, "temporarily_unavailable", 503},
		"database-away-wrapped": {fosite.ErrServerError.WithWrap(fmt.Errorf("read: %w", storage.ErrUnavailable)), "temporarily_unavailable",
			503},
		"database-away-at-client": {refusal.InvalidClient("no").Because(storage.ErrUnavailable), "temporarily_unavailable", 503},
		"ours-within":             {fosite.ErrServerError.WithWrap(refusal.InvalidTarget("no")), "invalid_target", 400},
		"stranger":                {errors.New("sql: something secret"), "server_error", 500},
		"gone":                    {context.Canceled, "server_error", 500},
	} {
		t.Run(name, func(t *testing.T) {
			no := refusal.From(test.err)
			if no.Code != test.code || no.Status != test.status {
				t.Errorf("got %s %d, want %s %d", no.Code, no.Status, test.code, test.status)
			}
			if !allowed.MatchString(no.Description) {
				t.Errorf("description %q has characters that RFC 6749 does not allow", no.Description)
			}
			if !errors.Is(no, test.err) {
				t.Error("the cause is lost")
			}
			if test.status == 503 && no.Code == "temporarily_unavailable" && name != "unavailable" && no.Header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		})
	}
	if refusal.From(nil) != nil {
		t.Error("no error is a refusal")
	}
}

func TestA14_NothingSentIsEchoed(t *testing.T) { // decision 0002; rule A14
	sent := `"><script>\`
	no := refusal.From(fosite.ErrInvalidScope.WithHintf("The scope '%s' is wrong.", sent).WithDebug(sent))
	if !allowed.MatchString(no.Description) {
		t.Errorf("description is %q", no.Description)
	}
}

func TestSharedAnswersAreNotChanged(t *testing.T) { // decision 0002: package-level values are copied
	first := refusal.From(fosite.ErrInvalidGrant.WithHint("one"))
	second := refusal.From(fosite.ErrInvalidGrant)
	if first == second || !errors.Is(second, fosite.ErrInvalidGrant) {
		t.Error("two requests share one refusal")
	}
	if got := refusal.InvalidGrant("x").Error(); got != "invalid_grant: x" {
		t.Errorf("got %q", got)
	}
}

func TestTheLogSaysWhatTheCoreFound(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"expired-code": {fosite.ErrInvalidGrant.WithWrap(fosite.ErrTokenExpired.WithHint("The code expired.")).WithDebug("invalid_token"),
			"The code expired."},
		"debug": {fosite.ErrInvalidGrant.WithWrap(fosite.ErrNotFound.WithDebug("The code belongs to another client.")).WithDebug("not_found"),
			"belongs to another client"},
		"plain": {fosite.ErrInvalidGrant.WithWrap(errors.New("the row is away")), "the row is away"},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusal.From(test.err).Error()
			if !strings.Contains(got, test.want) || strings.Contains(got, "invalid_token") {
				t.Errorf("got %q, want %q in it and no invalid_token", got, test.want)
			}
		})
	}
}
