package problem

import "net/http"

const (
	retryAfter   = "Retry-After"
	authenticate = "WWW-Authenticate"
)

// What requests are refused for, by status.
var (
	InvalidRequest = declare(http.StatusBadRequest, "invalid_request", "The request cannot be understood",
		Example{Detail: "There is nothing at this address."})

	TokenMissing = declare(http.StatusUnauthorized, "token_missing", "Send an access token",
		Example{Header: [2]string{authenticate, `Bearer realm="signet", resource_metadata="…"`},
			Detail: "Send one for https://id.example.com/api/admin in the header Authorization."})
	InvalidToken = declare(http.StatusUnauthorized, "invalid_token", "The access token is not accepted",
		Example{Header: [2]string{authenticate, `Bearer realm="signet", resource_metadata="…", error="invalid_token"`},
			Detail: "The access token is invalid or expired."})
	InvalidDPoPProof = declare(http.StatusUnauthorized, "invalid_dpop_proof", "The proof of possession is wrong",
		Example{Detail: "The proof is for another method or address."})
	UseDPoPNonce = declare(http.StatusUnauthorized, "use_dpop_nonce", "The proof of possession needs a nonce",
		Example{Header: [2]string{"DPoP-Nonce", "…"}, Detail: "Make the proof anew with the nonce of the header DPoP-Nonce."})
	InsufficientUserAuthentication = declare(http.StatusUnauthorized, "insufficient_user_authentication",
		"The person has to sign in again", Example{
			Header: [2]string{authenticate, `Bearer realm="signet", …, error="insufficient_user_authentication", acr_values="…"`},
			Detail: "The person has to sign in with two factors."})

	Forbidden = declare(http.StatusForbidden, "forbidden", "You may not do this",
		Example{Header: [2]string{authenticate, `Bearer realm="signet", error="insufficient_scope", scope="signet:people:write"`},
			Detail: "this needs the permission people:write"})
	InsufficientScope = declare(http.StatusForbidden, "insufficient_scope", "The access token lacks a scope",
		Example{Header: [2]string{authenticate,
			`Bearer realm="signet", …, error="insufficient_scope", scope="signet:mcp:read signet:mcp:write"`},
			Detail: "The token lacks the scope signet:mcp:write."})
	CrossSite = declare(http.StatusForbidden, "cross_site", "Pages of other sites cannot ask here", Example{})

	NotFound = declare(http.StatusNotFound, "not_found", "There is no such thing", Example{})
	Conflict = declare(http.StatusConflict, "conflict", "This is not possible as things are",
		Example{Detail: "it is the only secret that is valid: give the app another one first, or disable it"})
	RequestRunning = declare(http.StatusConflict, "request_running", "The same request is being worked on",
		Example{Header: [2]string{retryAfter, "1"}, Detail: "Send it again in a moment."})
	OutcomeUnknown = declare(http.StatusConflict, "outcome_unknown", "How the request with this key ended is not known",
		Example{Detail: "Look whether it was carried out. To send it anew, take a new key."})
	Changed = declare(http.StatusPreconditionFailed, "changed", "It was changed meanwhile",
		Example{Detail: "Read it again, then decide."})
	TooLarge = declare(http.StatusRequestEntityTooLarge, "too_large", "The request is too large",
		Example{Detail: "Send at most 1000 lines at once, or use signet user import."})
	Invalid = declare(http.StatusUnprocessableEntity, "invalid", "Something that was sent is wrong",
		Example{Pointer: "/redirect_uris/0", Wrong: "must be an absolute URI"})
	KeyOfAnotherRequest = declare(http.StatusUnprocessableEntity, "key_of_another_request", "The key was used for another request",
		Example{Detail: "Take a new key for a new request."})
	PreconditionRequired = declare(http.StatusPreconditionRequired, "precondition_required", "Say which state you change",
		Example{Detail: "Send If-Match with the ETag of what you read, or * for any state."})
	Throttled = declare(http.StatusTooManyRequests, "throttled", "Too many requests",
		Example{Header: [2]string{retryAfter, "3"}, Detail: "These credentials send more changes than are taken; wait, and send it again."})

	ServerError = declare(http.StatusInternalServerError, "server_error", "This did not work on the server",
		Example{Detail: "This did not work on our side. Reference 7F3K-92QD-MX."})
	TemporarilyUnavailable = declare(http.StatusServiceUnavailable, "temporarily_unavailable", "The server has too much to do",
		Example{Header: [2]string{retryAfter, "2"}, Detail: "The server has too much to do."})
	Unavailable = declare(http.StatusServiceUnavailable, "unavailable", "The database cannot be reached",
		Example{Header: [2]string{retryAfter, "2"}, Detail: "The database cannot be reached. Reference 7F3K-92QD-MX."})
)
