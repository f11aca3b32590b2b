// Package refusal holds the protocol's error answers: what a client is told (RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750
// section 3.1, RFC 8707 section 2), apart from what the operator's log says.
//
// It does not write responses: server/web and server/authorize do. Begin with Refusal and From.
package refusal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// Refusal is an error answer in the standard's own form. It is an error; its cause stays matchable and is never shown.
type Refusal struct {
	Code        string      // the registry's error code
	Description string      // our own sentence, printable ASCII without quote and backslash
	Status      int         // HTTP status where the answer is JSON
	Header      http.Header // WWW-Authenticate, Retry-After; nil = none
	Demand      string      // further parameters of the challenge, like acr_values="2" (RFC 9470); "" = none
	cause       error
}

// Error is for the operator's log.
func (r *Refusal) Error() string {
	s := r.Code + ": " + r.Description
	if r.cause != nil {
		s += ": " + r.cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.cause }

// Because returns a copy that carries the cause.
func (r *Refusal) Because(err error) *Refusal { c := *r; c.cause = err; return &c }

// Is matches refusals by code, so that errors.Is(err, refusal.InvalidGrant("")) works.
func (r *Refusal) Is(target error) bool {
	t, ok := errors.AsType[*Refusal](target)
	return ok && t.Code == r.Code
}

func of(status int, code, description string) *Refusal {
	return &Refusal{Code: code, Description: description, Status: status}
}

// InvalidRequest: a parameter is missing, repeated or malformed.
func InvalidRequest(d string) *Refusal { return of(400, "invalid_request", d) }

// InvalidClient: client authentication failed (401; the writer adds WWW-Authenticate).
func InvalidClient(d string) *Refusal { return of(401, "invalid_client", d) }

// InvalidGrant: code, refresh token or credentials are invalid, expired, revoked or somebody else's.
func InvalidGrant(d string) *Refusal { return of(400, "invalid_grant", d) }

// UnauthorizedClient: the client may not use this grant or response type.
func UnauthorizedClient(d string) *Refusal { return of(400, "unauthorized_client", d) }

// UnsupportedGrantType: no such grant here.
func UnsupportedGrantType(d string) *Refusal { return of(400, "unsupported_grant_type", d) }

// UnsupportedResponseType: no such response type here.
func UnsupportedResponseType(d string) *Refusal { return of(400, "unsupported_response_type", d) }

// InvalidScope: unknown, malformed or wider than granted.
func InvalidScope(d string) *Refusal { return of(400, "invalid_scope", d) }

// InvalidTarget: an unknown or forbidden resource (RFC 8707 section 2).
func InvalidTarget(d string) *Refusal { return of(400, "invalid_target", d) }

// InvalidAuthorizationDetails: malformed, unknown, not the client's, or more than was granted (RFC 9396 section 5).
func InvalidAuthorizationDetails(d string) *Refusal {
	return of(400, "invalid_authorization_details", d)
}

// InvalidDPoPProof: the proof of possession is missing, malformed, of another key or used before (RFC 9449 section 5).
func InvalidDPoPProof(d string) *Refusal { return of(400, "invalid_dpop_proof", d) }

// UseDPoPNonce: the same again, with the nonce that the answer brings (RFC 9449 section 8).
func UseDPoPNonce(d string) *Refusal { return of(400, "use_dpop_nonce", d) }

// AccessDenied: the person said no.
func AccessDenied(d string) *Refusal { return of(400, "access_denied", d) }

// AuthorizationPending: the person has not decided yet (RFC 8628 section 3.5).
func AuthorizationPending(d string) *Refusal { return of(400, "authorization_pending", d) }

// SlowDown: likewise, and the client asks too often.
func SlowDown(d string) *Refusal { return of(400, "slow_down", d) }

// ExpiredToken: the person did not decide in time.
func ExpiredToken(d string) *Refusal { return of(400, "expired_token", d) }

// LoginRequired, under prompt=none (OpenID Connect Core section 3.1.2.6).
func LoginRequired(d string) *Refusal { return of(400, "login_required", d) }

// ConsentRequired, under prompt=none.
func ConsentRequired(d string) *Refusal { return of(400, "consent_required", d) }

// AccountSelectionRequired, under prompt=none.
func AccountSelectionRequired(d string) *Refusal { return of(400, "account_selection_required", d) }

// InteractionRequired, under prompt=none.
func InteractionRequired(d string) *Refusal { return of(400, "interaction_required", d) }

// RequestNotSupported: request objects are not accepted.
func RequestNotSupported(d string) *Refusal { return of(400, "request_not_supported", d) }

// InvalidRequestObject: it is malformed, or not signed as it should be.
func InvalidRequestObject(d string) *Refusal { return of(400, "invalid_request_object", d) }

// InvalidRequestURI: it is not registered, or what is there cannot be had.
func InvalidRequestURI(d string) *Refusal { return of(400, "invalid_request_uri", d) }

// RequestURINotSupported: request_uri is not accepted.
func RequestURINotSupported(d string) *Refusal { return of(400, "request_uri_not_supported", d) }

// RegistrationNotSupported: the registration parameter is not accepted.
func RegistrationNotSupported(d string) *Refusal { return of(400, "registration_not_supported", d) }

// InvalidToken: an access token was refused at a protected resource (RFC 6750 section 3.1).
func InvalidToken(d string) *Refusal { return of(401, "invalid_token", d) }

// InsufficientScope: the access token lacks a scope (RFC 6750 section 3.1).
func InsufficientScope(d string) *Refusal { return of(403, "insufficient_scope", d) }

// ServerError: our fault.
func ServerError(d string) *Refusal { return of(500, "server_error", d) }

// TemporarilyUnavailable: database away or too much work (503; the writer adds Retry-After).
func TemporarilyUnavailable(d string) *Refusal { return of(503, "temporarily_unavailable", d) }

// UnmetAuthenticationRequirements: the person cannot or did not sign in as was demanded (OpenID Connect Core Error Code
// unmet_authentication_requirements).
func UnmetAuthenticationRequirements(d string) *Refusal {
	return of(400, "unmet_authentication_requirements", d)
}

// InsufficientAuthentication: the sign-in behind a token does not suffice (RFC 9470 section 3); one of acrs would, or one at
// most maxAge seconds old (0 = of any age).
func InsufficientAuthentication(d string, acrs []string, maxAge int64) *Refusal {
	no := of(401, "insufficient_user_authentication", d)
	if len(acrs) > 0 {
		no.Demand = `acr_values="` + strings.Join(acrs, " ") + `"`
	}
	if maxAge > 0 {
		if no.Demand != "" {
			no.Demand += ", "
		}
		no.Demand += `max_age="` + strconv.FormatInt(maxAge, 10) + `"`
	}
	return no
}
