package refusal

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"signet/storage"
)

// answers says, for each error code of the protocol core, what a client is told. The core has codes of its own that no
// registry knows; they become the standard's. Its texts are never shown: they may quote what was sent (RFC 6749 section
// 5.2 allows few characters, and rule A14 no echo).
var answers = map[string]*Refusal{
	"invalid_request":           InvalidRequest("A parameter is missing or malformed."),
	"invalid_state":             InvalidRequest("The state parameter is malformed."),
	"insufficient_entropy":      InvalidRequest("A parameter is too short to be secure."),
	"unsupported_response_mode": InvalidRequest("This response_mode cannot be used here."),
	"invalid_request_uri":       InvalidRequest("The request_uri is not valid."),
	"invalid_request_object":    InvalidRequest("The request object is not valid."),
	"invalid_client":            InvalidClient("Client authentication failed."),
	"jti_known":                 InvalidClient("Client authentication failed."),
	"unauthorized_client":       UnauthorizedClient("This client may not use this grant."),
	"unsupported_grant_type":    UnsupportedGrantType("This grant_type is not supported."),
	"unsupported_response_type": UnsupportedResponseType("This response_type is not supported."),
	"invalid_scope":             InvalidScope("A scope is unknown or was not granted."),
	"scope_not_granted":         InvalidScope("A scope is unknown or was not granted."),
	"invalid_grant":             InvalidGrant("The code, token or password is invalid, expired, revoked or for another client."),
	"token_inactive":            InvalidGrant("The token is no longer active."),
	"not_found":                 InvalidGrant("The code or token is not known."),
	"token_signature_mismatch":  InvalidGrant("The token is not one of ours."),
	"token_claim":               InvalidGrant("The token is not one of ours."),
	"invalid_token":             InvalidToken("The access token is invalid, expired or revoked."),
	"request_unauthorized":      InvalidToken("The access token is invalid, expired or revoked."),
	"access_denied":             AccessDenied("The request was denied."),
	"request_forbidden":         AccessDenied("The request was denied."),
	"login_required":            LoginRequired("The person has to sign in."),
	"consent_required":          ConsentRequired("The person has to consent."),
	"interaction_required":      InteractionRequired("The person has to act."),
	"request_not_supported":     RequestNotSupported("Request objects are not accepted."),
	"request_uri_not_supported": RequestURINotSupported("request_uri is not accepted."),
	"registration_not_supported": RegistrationNotSupported(
		"The registration parameter is not accepted."),
	"temporarily_unavailable": TemporarilyUnavailable("The server cannot answer now."),
}

// retryAfter is what 503 answers tell clients to wait, in seconds.
const retryAfter = "2"

// From makes an answer of any error: a refusal stays itself, an unreachable database is 503 and never the client's fault,
// the protocol core's errors become the standard's, and what is left is server_error. nil gives nil.
func From(err error) *Refusal {
	if err == nil {
		return nil
	}
	if errors.Is(err, storage.ErrUnavailable) {
		no := TemporarilyUnavailable("The database cannot be reached.")
		no.Header = http.Header{"Retry-After": {retryAfter}}
		return no.Because(err)
	}
	if no, ok := errors.AsType[*Refusal](err); ok {
		return no
	}
	if errors.Is(err, fosite.ErrInvalidatedAuthorizeCode) {
		return answers["invalid_grant"].Because(err)
	}
	if core, ok := errors.AsType[*fosite.RFC6749Error](err); ok {
		if no := answers[core.ErrorField]; no != nil {
			return no.Because(detailed{err, core})
		}
		err = detailed{err, core}
	}
	return ServerError("This did not work on our side.").Because(err)
}

// TooMany: tried too often, or too much at once (429); Retry-After says how long to wait, rounded up to seconds.
func TooMany(d string, wait time.Duration) *Refusal {
	seconds := max(1, int64((wait+time.Second-1)/time.Second))
	no := of(http.StatusTooManyRequests, "temporarily_unavailable", d)
	no.Header = http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}
	return no
}

// detailed shows the operator the hints of the protocol core's errors, which their Error method leaves out.
type detailed struct {
	err  error
	core *fosite.RFC6749Error
}

// Error has what each error of the chain says of itself: an expired code is an expired code, whatever the core calls it.
func (d detailed) Error() string {
	parts := []string{d.err.Error()}
	for err := error(d.core); err != nil; err = errors.Unwrap(err) {
		core, ok := errors.AsType[*fosite.RFC6749Error](err)
		if !ok {
			parts = append(parts, err.Error())
			break
		}
		parts = append(parts, core.HintField)
		if cause := errors.Unwrap(core); cause == nil || core.DebugField != cause.Error() { // the core repeats the cause's code
			parts = append(parts, core.DebugField)
		}
		err = core
	}
	const enough = 256
	text := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
	return strings.ToValidUTF8(text[:min(len(text), enough)], "")
}

func (d detailed) Unwrap() error { return d.err }
