package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"golang.org/x/oauth2"

	"signet/internal/egress"
)

// openidStatus is the error for a status other than success.
func openidStatus(what string, status int) error {
	if status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return fmt.Errorf("%w: %s: status %d", ErrDown, what, status)
	}
	return fmt.Errorf("%w: %s: status %d", ErrUpstream, what, status)
}

// openidDown is the error for what did not come. What net/http says may quote the upstream, or an address with secrets, so only
// what is known to be ours is told.
func openidDown(what string, err error) error {
	for _, ours := range []error{
		context.DeadlineExceeded, context.Canceled, egress.ErrAddress, egress.ErrAnswer, egress.ErrBusy, egress.ErrURL,
	} {
		if errors.Is(err, ours) {
			return fmt.Errorf("%w: %s: %w", ErrDown, what, ours)
		}
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return fmt.Errorf("%w: %s: %w", ErrDown, what, dial)
	}
	return fmt.Errorf("%w: %s: no answer", ErrDown, what)
}

// openidTokenError is the error for what came from a token endpoint.
func openidTokenError(err error) error {
	const what = "token response"
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return openidDown(what, err)
	}
	if answer.ErrorCode != "" && answer.Response.StatusCode < 500 {
		return fmt.Errorf("%w: %s: %s", ErrUpstream, what, openidErrorCode(answer.ErrorCode))
	}
	return openidStatus(what, answer.Response.StatusCode)
}

// openidErrorCodes are registered: RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core section 3.1.2.6 and what came after.
var openidErrorCodes = []string{
	"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope", "server_error",
	"temporarily_unavailable", "invalid_client", "invalid_grant", "unsupported_grant_type", "interaction_required", "login_required",
	"account_selection_required", "consent_required", "invalid_request_uri", "invalid_request_object", "request_not_supported",
	"request_uri_not_supported", "registration_not_supported", "invalid_target", "invalid_dpop_proof", "use_dpop_nonce",
	"unmet_authentication_requirements", "unsupported_token_type", "invalid_token", "insufficient_scope",
}

// openidErrorCode is a code that may be told.
func openidErrorCode(code string) string {
	if slices.Contains(openidErrorCodes, code) {
		return code
	}
	return "an error of its own"
}
