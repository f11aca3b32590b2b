package kit

import "net/http"

// Reason is why a request is refused, as one word for logs and metrics. It is an error: errors.Is(err, kit.ErrExpired).
type Reason string

// Error is the word.
func (r Reason) Error() string { return string(r) }

// The reasons. docs/resource-servers.md has the cause and the cure of each.
const (
	ErrNoToken     Reason = "no_token"        // no Authorization header, or another scheme
	ErrRequest     Reason = "bad_request"     // several Authorization headers, or a token in the URL
	ErrMalformed   Reason = "malformed"       // not a JWT that could be an access token
	ErrType        Reason = "wrong_type"      // typ is not at+jwt: an ID token, for instance
	ErrAlgorithm   Reason = "wrong_algorithm" // alg is none, a MAC, or not among those allowed
	ErrKey         Reason = "unknown_key"     // the issuer has no such key
	ErrSignature   Reason = "wrong_signature"
	ErrIssuer      Reason = "wrong_issuer"
	ErrAudience    Reason = "wrong_audience" // a token for another API
	ErrExpired     Reason = "expired"
	ErrEarly       Reason = "not_yet_valid"
	ErrBinding     Reason = "wrong_binding" // bound to a key or certificate that the request does not have
	ErrProof       Reason = "wrong_proof"   // the DPoP proof is not good for this request
	ErrNonce       Reason = "nonce_needed"  // the DPoP proof has no fresh nonce
	ErrReplay      Reason = "replayed"      // the DPoP proof was used before
	ErrInactive    Reason = "inactive"      // introspection says so: revoked, for instance
	ErrScope       Reason = "missing_scope"
	ErrSignIn      Reason = "weak_sign_in"   // the person's sign-in is too old or too weak
	ErrCalls       Reason = "too_many_calls" // of an agent, as its person said
	ErrUnavailable Reason = "unavailable"    // the keys, the introspection endpoint or the memory of proofs cannot be had
)

// answer is what the caller of a refused request sees.
type answer struct {
	status int
	code   string // of the standard; "" = none
	says   string // error_description
}

var answers = map[Reason]answer{
	ErrNoToken:     {http.StatusUnauthorized, "", "Send an access token."},
	ErrRequest:     {http.StatusBadRequest, "invalid_request", "Send one access token, in the Authorization header."},
	ErrMalformed:   {http.StatusUnauthorized, "invalid_token", "The access token is malformed."},
	ErrType:        {http.StatusUnauthorized, "invalid_token", "The token is not an access token."},
	ErrAlgorithm:   {http.StatusUnauthorized, "invalid_token", "The access token is not valid."},
	ErrKey:         {http.StatusUnauthorized, "invalid_token", "The access token is not valid."},
	ErrSignature:   {http.StatusUnauthorized, "invalid_token", "The access token is not valid."},
	ErrIssuer:      {http.StatusUnauthorized, "invalid_token", "The access token is not valid."},
	ErrAudience:    {http.StatusUnauthorized, "invalid_token", "The access token is for another resource."},
	ErrExpired:     {http.StatusUnauthorized, "invalid_token", "The access token has expired."},
	ErrEarly:       {http.StatusUnauthorized, "invalid_token", "The access token is not valid yet."},
	ErrBinding:     {http.StatusUnauthorized, "invalid_token", "The access token is not valid for the key of this request."},
	ErrProof:       {http.StatusUnauthorized, "invalid_dpop_proof", "The DPoP proof is not valid for this request."},
	ErrNonce:       {http.StatusUnauthorized, "use_dpop_nonce", "Send a DPoP proof with the nonce of the header DPoP-Nonce."},
	ErrReplay:      {http.StatusUnauthorized, "invalid_dpop_proof", "The DPoP proof was used before."},
	ErrInactive:    {http.StatusUnauthorized, "invalid_token", "The access token is not active."},
	ErrScope:       {http.StatusForbidden, "insufficient_scope", "The access token lacks a scope."},
	ErrSignIn:      {http.StatusUnauthorized, "insufficient_user_authentication", "Another sign-in is needed."},
	ErrCalls:       {http.StatusTooManyRequests, "too_many_calls", "The agent may not call so often. Wait as Retry-After says."},
	ErrUnavailable: {http.StatusServiceUnavailable, "temporarily_unavailable", "Try again in a moment."},
}
