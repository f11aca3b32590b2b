package trace

import "strings"

// rule is a kind of failure.
type rule struct {
	check  string
	remedy string
	texts  []string // one of which is in "code: description: log"; after ^ it begins with it
}

func (r rule) match(text string) bool {
	for _, t := range r.texts {
		if code, begins := strings.CutPrefix(t, "^"); begins && strings.HasPrefix(text, code) || !begins && strings.Contains(text, t) {
			return true
		}
	}
	return false
}

// generic is what is said where no rule fits.
const generic = "Search the log of the server for the reference: its line has the whole error."

// rules are looked through in order; causes that only the log has come before what callers are told of them.
var rules = []rule{
	{checkServer, "The database did not answer: see signet doctor, and the log around this time.",
		[]string{"database cannot be reached", "list cannot be read", "^unavailable: "}},
	{checkServer, "A newer replica wrote this grant: finish the upgrade of this replica.", []string{"This replica cannot answer now"}},
	{checkServer, "Keys of another server could not be read: see whether its JWKS answers, and egress in the settings.",
		[]string{"keys to verify this with cannot be read"}},
	{checkServer, "There was more to do than the server takes at once, or several wanted the same thing: the caller tries again. If it " +
		"happens " +
		"often, see limits.in_flight and the CPUs.", []string{"too much to do", "^busy: ", "Too many requests at once", "is being changed",
		"Too many people sign in"}},
	{checkLimit, "Wait. See the limits in the settings, and the events throttled of this network.",
		[]string{"^too_many: ", "Too many tries", "Too many failed tries", "Too many clients", "Too many devices", "Too many apps",
			"That is too often", "Too many requests were pushed"}},

	{checkClient, "No client has this id: compare client_id with signet client list; it may belong to another server or have been deleted.",
		[]string{"unknown client", "^unknown_client: ", "client is not named"}},
	{checkClient, "The client is disabled: signet client enable ID.", []string{"disabled client", "^client_disabled: "}},
	{checkAllowed, "Allow the client the tools of administrators, if it is to have them: signet client allow-admin ID. They are " +
		"asked for by the authorization code alone; see docs/mcp-admin.md.",
		[]string{"allow this client its tools", "The tools of administrators are allowed"}},
	{checkClient, "See that the metadata document is served at the client id itself, with the same client_id in it, as docs/mcp.md says.",
		[]string{"metadata document of the client", "^no_document: "}},
	{checkCredentials,
		"The app authenticates by another method than it is registered with: change the app, or token_endpoint_auth_method of " +
			"the client (signet client update).", []string{", registered ", "Use one client authentication method"}},
	{checkCredentials, "The secret or key is wrong or was replaced: signet client rotate-secret makes a new secret, with --keep the old one " +
		"stays for a while. Look for a secret with a line feed, or one that is escaped twice.", []string{"wrong credential"}},
	{checkCredentials, "See what the log says of the client authentication; signet client show has the method that is registered.",
		[]string{"Client authentication failed", "client_assertion", "Only a client that keeps a secret", "Authorization header is malformed"}},

	{checkRedirect, "Register exactly the address that the app sends: signet client update ID --redirect-uri ADDRESS, or change the app. " +
		"Only " +
		"the port of a loopback address may differ. At the token endpoint it is the one of the authorization request.",
		[]string{"^redirect_mismatch: ", "^redirect_missing: ", "redirect_uri", "redirect URI"}},
	{checkGrant, "The assertion was used before: the app asks its issuer for a new one for each token, or the issuer is trusted with " +
		"reusable: true.", []string{"assertion was used before"}},
	{checkGrant, "The log says what is wrong with the assertion. Compare its iss, aud, exp and jti, and the app, with the entry in " +
		"trusted_issuers; see that its sub is linked to a person (signet user show), and that the issuer's keys can be read.",
		[]string{"assertion is not one that this client can use"}},
	{checkScope, "The entry of the issuer in trusted_issuers says which scopes and resources its assertions are good for.",
		[]string{"assertions of this issuer"}},
	{checkStrength, "This client demands two factors, or another upstream, and an assertion stands for neither.",
		[]string{"than an assertion stands for"}},
	{checkObject, "Compare the request object with what the client may send: its algorithm, keys, aud (the issuer), exp and client_id.",
		[]string{"equest object", "request_uri", "Push the request itself", "must push its authorization", "equest_not_supported"}},
	{checkPKCE, "The code_verifier must be the one that the code_challenge of the same request was made of, by S256; see that the app keeps " +
		"it for each sign-in, and does not begin two at once.", []string{"PKCE", "code_challenge", "code_verifier", "code verifier"}},
	{checkProof, "The tokens of this client or grant are bound: the app proves the same key in each request (docs/dpop.md, docs/mtls.md). " +
		"Look at " +
		"the clock of the app, and at proxies that change the address or drop the header.",
		[]string{"^invalid_dpop_proof: ", "DPoP", "dpop_jkt", "certificate", "bound to a"}},
	{checkResource, "Register the API (signet resource list), give the client one of its scopes, and name it as it is registered.",
		[]string{"invalid_target", "oo many resources", "demands another sign-in"}},
	{checkScope, "Compare the scopes that were asked for with those that the client has (signet client show) and that APIs have (signet " +
		"resource list). A refresh cannot ask for more than was granted.",
		[]string{"invalid_scope", "insufficient_scope", "needs the scope openid", "authorization_details"}},
	{checkAllowed, "Register the grant, response type or mode for the client (signet client update), or have the app use what is registered.",
		[]string{"unauthorized_client", "unsupported_grant_type", "unsupported_response_type", "response mode", "response_mode", "response_type",
			"response modes", "registration_not_supported", "registration parameter", "has no key that fits"}},
	{checkGrant, "A code is good once, for a short time and for the client that asked for it. The app sent it again or too late: see that a " +
		"reload does not repeat the request. What was made of it before is revoked.",
		[]string{"code was used before", "code expired", "belongs to another client", "code is of another", "Invalidated"}},
	{checkGrant, "The device has to ask for a new code; people have minutes to answer.",
		[]string{"device_code", "What was approved", "expired_token", "Nobody decided in time", "authorization_pending", "slow_down"}},
	{checkSignIn, "The user name or the password is wrong; see signet event list --user PERSON.", []string{"user name or password is wrong",
		"^first_factor: "}},
	{checkStrength, "The app or the API asks for a stronger or newer sign-in than the person's: they sign in again, with a second factor.",
		[]string{"insufficient_user_authentication", "unmet_authentication_requirements", "has to sign in again", "two factors", "econd factor"}},
	{checkGrant, "The person has paused the agent, under Connected apps of their account: only they let it go on. Its refresh token is good " +
		"again then (docs/agents.md).", []string{"paused this agent", "agent is paused"}},
	{checkGrant, "The grant ended: it expired, was revoked by the person or an administrator, or its session ended. See signet grant list " +
		"and the " +
		"person's events; the app sends the person through the sign-in again.",
		[]string{"invalid_grant", "grant is no longer valid", "token exchange", "subject_token", "actor_token", "requested_token_type"}},
	{checkToken, "Is the token of this issuer, not expired, for this API and not revoked? Decode it and compare iss, aud and exp; see that " +
		"the " +
		"clocks agree.", []string{"invalid_token", "access token"}},
	{checkConsent, "The person has to agree, or refused. An app of your own needs no consent with first_party.",
		[]string{"consent_required", "access_denied", "^denied: ", "allowed none"}},
	{checkSignIn, "With prompt=none nobody may be asked: the app sends the person once without it. Are third-party cookies or another host " +
		"between the app and the session?", []string{"login_required", "interaction_required", "account_selection_required", "id_token_hint",
		"link_signin", "^other_account: "}},
	{checkSignIn, "Nobody may register by themselves: see signup in the settings, or make an invitation (signet invitation create).",
		[]string{"^signup_closed: "}},
	{checkBrowser, "The browser did not bring the cookie back: blocked cookies, another host than the issuer's, or a proxy that changes " +
		"Host " +
		"(docs/proxies.md).", []string{"^cookies: ", "^cross_site: ", "^wrong_host: ", "Pages of other sites"}},
	{checkSignIn, "The page was open for too long, or was answered in another tab or browser: begin again at the app.",
		[]string{"^expired: ", "^link_gone: ", "^changed: ", "^reset: ", "^logout: ", "Nothing of this kind is expected"}},
	{checkUpstream, "The other provider refused or did not answer in a way that can be used: the log has its error; signet doctor tries each.",
		[]string{"upstream", "^userinfo: ", "What was sent cannot be verified", "^id: "}},
	{checkPermission, "The administrator's roles, and the scopes of their token, do not permit this: see docs/administration.md.",
		[]string{"forbidden", "may not do this"}},
	{checkAddress, "There is nothing at the address, or not by this method: compare it with the discovery document.",
		[]string{"^not_found: ", "^method: ", "nothing at this address", "does not answer that method", "There is no such thing"}},
	{checkForm, "The request is too large or came too slowly for this address.",
		[]string{"^too_large: ", "^too_slow: ", "longer than", "too large",
			"did not arrive in time"}},
	{checkForm, "Compare the request with what the standard wants: the description names the parameter. Look for parameters that are sent " +
		"twice, in the address instead of the body, or escaped wrongly.", []string{"invalid_request", "^invalid: ", "conflict", "changed"}},
	{checkServer, "This is a fault of the server: the log has more under the reference.", []string{"server_error", "^server: "}},
}
