// Code generated from the document of the API by internal/clientgen. DO NOT EDIT.

package adminclient

import (
	"context"
	"net/http"
	"time"
)

// ListAPIKeysQuery says what ListAPIKeys asks for; what is zero is left out.
type ListAPIKeysQuery struct {
	Limit    int64  `query:"limit"`     // How many.
	After    string `query:"after"`     // next of the part before.
	ClientID string `query:"client_id"` // Those of one app.
}

// ListAPIKeys: List the API keys of apps, without the keys themselves.
// GET /api-keys
func (a *Admin) ListAPIKeys(ctx context.Context, q ListAPIKeysQuery) (out Page[Key], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/api-keys"), query: q}, &out)
	return out, err
}

// CreateAPIKey: Make an API key; it is in the answer, this once.
// POST /api-keys
func (a *Admin) CreateAPIKey(ctx context.Context, body APIKeyInBody, repeat ...RepeatKey) (out APIKeyMade, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/api-keys"), body: body, keys: repeat}, &out)
	return out, err
}

// RevokeAPIKey: End an API key at once.
// DELETE /api-keys/{id}
func (a *Admin) RevokeAPIKey(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/api-keys/{id}", id)}, nil)
	return err
}

// ListClients: List apps; those of the configuration come first.
// GET /clients
func (a *Admin) ListClients(ctx context.Context, q Paging) (out Page[Client], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/clients"), query: q}, &out)
	return out, err
}

// CreateClient: Register an app; its secret is in the answer, this once.
// POST /clients
func (a *Admin) CreateClient(ctx context.Context, body ClientBody, repeat ...RepeatKey) (out Client, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients"), body: body, keys: repeat}, &out)
	return out, err
}

// DeleteClient: Remove an app, its secrets and consents, and revoke its grants.
// DELETE /clients/{id}
func (a *Admin) DeleteClient(ctx context.Context, id string, match ETag) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/clients/{id}", id), match: match}, nil)
	return err
}

// GetClient: Show an app.
// GET /clients/{id}
func (a *Admin) GetClient(ctx context.Context, id string) (out Client, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/clients/{id}", id)}, &out)
	return out, tag, err
}

// ChangeClient: Change some of an app's registration (RFC 7396).
// PATCH /clients/{id}
func (a *Admin) ChangeClient(ctx context.Context, id string, match ETag, patch any) (out Client, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPatch, path: path("/clients/{id}", id), match: match, body: patch, merge: true}, &out)
	return out, tag, err
}

// ReplaceClient: Replace an app's registration.
// PUT /clients/{id}
func (a *Admin) ReplaceClient(ctx context.Context, id string, match ETag, body ClientBody) (out Client, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPut, path: path("/clients/{id}", id), match: match, body: body}, &out)
	return out, tag, err
}

// AllowTools: Let an app, as it was read, use the tools for administrators' MCP clients.
// POST /clients/{id}/allow-admin
func (a *Admin) AllowTools(ctx context.Context, id string, match ETag, repeat ...RepeatKey) (out Client, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients/{id}/allow-admin", id), match: match, keys: repeat}, &out)
	return out, err
}

// CheckClient: Check an app: its registration, its keys, and whether the addresses in it answer.
// POST /clients/{id}/check
func (a *Admin) CheckClient(ctx context.Context, id string, repeat ...RepeatKey) (out Page[Finding], err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients/{id}/check", id), keys: repeat}, &out)
	return out, err
}

// DisableClient: Refuse an app's requests, or take them again.
// POST /clients/{id}/disable
func (a *Admin) DisableClient(ctx context.Context, id string, repeat ...RepeatKey) (out Client, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients/{id}/disable", id), keys: repeat}, &out)
	return out, err
}

// RemoveTools: Let an app use the tools for administrators' MCP clients no longer.
// POST /clients/{id}/disallow-admin
func (a *Admin) RemoveTools(ctx context.Context, id string, repeat ...RepeatKey) (out Client, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients/{id}/disallow-admin", id), keys: repeat}, &out)
	return out, err
}

// EnableClient: Refuse an app's requests, or take them again.
// POST /clients/{id}/enable
func (a *Admin) EnableClient(ctx context.Context, id string, repeat ...RepeatKey) (out Client, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients/{id}/enable", id), keys: repeat}, &out)
	return out, err
}

// GetFirstSignIn: Report whether anybody has signed in at an app, and why not.
// GET /clients/{id}/first-sign-in
func (a *Admin) GetFirstSignIn(ctx context.Context, id string) (out FirstSignIn, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/clients/{id}/first-sign-in", id)}, &out)
	return out, tag, err
}

// SecretState: Say if a secret is the app's, and if it is the one applied last.
// POST /clients/{id}/secret-state
func (a *Admin) SecretState(ctx context.Context, id string, body StateInBody, repeat ...RepeatKey) (out SecretState, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients/{id}/secret-state", id), body: body, keys: repeat}, &out)
	return out, err
}

// ListSecrets: List an app's secrets: when each was made and used, not what it is.
// GET /clients/{id}/secrets
func (a *Admin) ListSecrets(ctx context.Context, id string) (out Page[ClientSecret], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/clients/{id}/secrets", id)}, &out)
	return out, err
}

// RotateSecret: Give an app a new secret.
// POST /clients/{id}/secrets
func (a *Admin) RotateSecret(ctx context.Context, id string, body SecretInBody, repeat ...RepeatKey) (out Secret, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/clients/{id}/secrets", id), body: body, keys: repeat}, &out)
	return out, err
}

// RemoveSecret: Refuse one of an app's secrets from now on; not the last.
// DELETE /clients/{id}/secrets/{secret}
func (a *Admin) RemoveSecret(ctx context.Context, id string, secret string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/clients/{id}/secrets/{secret}", id, secret)}, nil)
	return err
}

// GetSnippetQuery says what GetSnippet asks for; what is zero is left out.
type GetSnippetQuery struct {
	For string `query:"for"` // A name of signet client show --for, like curl or oidc-client-ts.
}

// GetSnippet: Show what an app's own configuration needs.
// GET /clients/{id}/snippet
func (a *Admin) GetSnippet(ctx context.Context, id string, q GetSnippetQuery) (out Snippet, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/clients/{id}/snippet", id), query: q}, &out)
	return out, tag, err
}

// ListEventsQuery says what ListEvents asks for; what is zero is left out.
type ListEventsQuery struct {
	Limit     int64     `query:"limit"` // How many.
	After     string    `query:"after"` // next of the part before.
	Name      string    `query:"name"`  // One name, or the beginning of several with the dot at its end, like signin.
	Outcome   string    `query:"outcome"`
	Actor     string    `query:"actor"`     // Who did it: the id of a person or a client.
	Person    string    `query:"person"`    // Whom it concerns.
	Client    string    `query:"client"`    // Which app it concerns.
	Reference string    `query:"reference"` // Of a request, as error pages show it.
	Since     time.Time `query:"since"`
}

// ListEvents: List audit events, newest first.
// GET /events
func (a *Admin) ListEvents(ctx context.Context, q ListEventsQuery) (out Page[Event], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/events"), query: q}, &out)
	return out, err
}

// ExportEventsQuery says what ExportEvents asks for; what is zero is left out.
type ExportEventsQuery struct {
	Format string    `query:"format"`
	After  string    `query:"after"` // The id of an event; those after it follow.
	Since  time.Time `query:"since"` // Those from this time on follow.
	Limit  int64     `query:"limit"` // How many.
}

// ExportEvents: Read audit events as lines, the oldest first, 15 seconds behind; follow the link for more.
// GET /events:export
func (a *Admin) ExportEvents(ctx context.Context, q ExportEventsQuery) (text string, err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/events:export"), query: q}, &text)
	return text, err
}

// RevokeEverything: End all sessions of a person and all access that apps have by them (Global Token Revocation).
// POST /global-token-revocation
func (a *Admin) RevokeEverything(ctx context.Context, body RevokeEverythingRequest, repeat ...RepeatKey) error {
	_, err := a.do(ctx, request{method: http.MethodPost, path: path("/global-token-revocation"), body: body, keys: repeat}, nil)
	return err
}

// ListGrantsQuery says what ListGrants asks for; what is zero is left out.
type ListGrantsQuery struct {
	Limit  int64  `query:"limit"`  // How many.
	After  string `query:"after"`  // next of the part before.
	Person string `query:"person"` // Whose; or name an app.
	Client string `query:"client"` // At which app; or name a person.
}

// ListGrants: List the live grants of a person or of an app.
// GET /grants
func (a *Admin) ListGrants(ctx context.Context, q ListGrantsQuery) (out Page[Grant], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/grants"), query: q}, &out)
	return out, err
}

// RevokeGrant: Revoke a grant: its refresh token is refused at once.
// DELETE /grants/{id}
func (a *Admin) RevokeGrant(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/grants/{id}", id)}, nil)
	return err
}

// ListGroups: List groups.
// GET /groups
func (a *Admin) ListGroups(ctx context.Context, q Paging) (out Page[Group], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/groups"), query: q}, &out)
	return out, err
}

// DeleteGroup: Delete a group; the people stay.
// DELETE /groups/{id}
func (a *Admin) DeleteGroup(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/groups/{id}", id)}, nil)
	return err
}

// PutGroup: Make a group, or describe the one of the name.
// PUT /groups/{id}
func (a *Admin) PutGroup(ctx context.Context, id string, body GroupInBody) error {
	_, err := a.do(ctx, request{method: http.MethodPut, path: path("/groups/{id}", id), body: body}, nil)
	return err
}

// ListMembers: List the people of a group.
// GET /groups/{id}/members
func (a *Admin) ListMembers(ctx context.Context, id string, q Paging) (out Page[Person], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/groups/{id}/members", id), query: q}, &out)
	return out, err
}

// RemoveMember: Take a person out of a group.
// DELETE /groups/{id}/members/{person}
func (a *Admin) RemoveMember(ctx context.Context, id string, person string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/groups/{id}/members/{person}", id, person)}, nil)
	return err
}

// AddMember: Put a person into a group.
// PUT /groups/{id}/members/{person}
func (a *Admin) AddMember(ctx context.Context, id string, person string) error {
	_, err := a.do(ctx, request{method: http.MethodPut, path: path("/groups/{id}/members/{person}", id, person)}, nil)
	return err
}

// CheckHealth: Check the server's health: what is found, and how to fix it.
// GET /health
func (a *Admin) CheckHealth(ctx context.Context) (out Page[Finding], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/health")}, &out)
	return out, err
}

// ListKeys: List signing keys.
// GET /keys
func (a *Admin) ListKeys(ctx context.Context) (out Page[Info], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/keys")}, &out)
	return out, err
}

// RotateKey: Make a new signing key.
// POST /keys
func (a *Admin) RotateKey(ctx context.Context, body RotateKeyRequest, repeat ...RepeatKey) (out Info, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/keys"), body: body, keys: repeat}, &out)
	return out, err
}

// RetireKey: Take a key out of the JWKS: nothing that it signed is accepted any more.
// DELETE /keys/{id}
func (a *Admin) RetireKey(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/keys/{id}", id)}, nil)
	return err
}

// ListMail: List emails that wait or were given up: neither address nor words.
// GET /mail
func (a *Admin) ListMail(ctx context.Context, q Paging) (out Page[Waiting], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/mail"), query: q}, &out)
	return out, err
}

// DropMail: Have an email not sent.
// DELETE /mail/{id}
func (a *Admin) DropMail(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/mail/{id}", id)}, nil)
	return err
}

// GetMail: Show an email that waits or was given up: neither address nor words.
// GET /mail/{id}
func (a *Admin) GetMail(ctx context.Context, id string) (out Waiting, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/mail/{id}", id)}, &out)
	return out, tag, err
}

// RetryMail: Try an email again at once.
// POST /mail/{id}/retry
func (a *Admin) RetryMail(ctx context.Context, id string, repeat ...RepeatKey) error {
	_, err := a.do(ctx, request{method: http.MethodPost, path: path("/mail/{id}/retry", id), keys: repeat}, nil)
	return err
}

// ListManaged: List what is kept by files, and what they said last.
// GET /managed
func (a *Admin) ListManaged(ctx context.Context, q Paging) (out Page[Managed], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/managed"), query: q}, &out)
	return out, err
}

// ListPeopleQuery says what ListPeople asks for; what is zero is left out.
type ListPeopleQuery struct {
	Limit        int64     `query:"limit"`         // How many.
	After        string    `query:"after"`         // next of the part before.
	Search       string    `query:"search"`        // How the email address or the user name begins.
	Disabled     bool      `query:"disabled"`      // Only who is disabled; false asks for nothing.
	Unverified   bool      `query:"unverified"`    // Only who has an address that is not verified; false asks for nothing.
	Group        string    `query:"group"`         // Only who is in the group.
	Role         string    `query:"role"`          // Only who holds the role, themselves or by a group.
	CreatedSince time.Time `query:"created_since"` // Only who was created then or later.
}

// ListPeople: List or search people.
// GET /people
func (a *Admin) ListPeople(ctx context.Context, q ListPeopleQuery) (out Page[Person], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/people"), query: q}, &out)
	return out, err
}

// CreatePerson: Create a person.
// POST /people
func (a *Admin) CreatePerson(ctx context.Context, body PersonInBody, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people"), body: body, keys: repeat}, &out)
	return out, err
}

// DeletePersonQuery says what DeletePerson asks for; what is zero is left out.
type DeletePersonQuery struct {
	Now bool `query:"now"` // Erase at once: nothing brings the person back.
}

// DeletePerson: Delete a person: ends everything of theirs, and erases them after the grace time.
// DELETE /people/{id}
func (a *Admin) DeletePerson(ctx context.Context, id string, q DeletePersonQuery, match ETag) (out Person, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodDelete, path: path("/people/{id}", id), query: q, match: match}, &out)
	return out, tag, err
}

// GetPerson: Show a person.
// GET /people/{id}
func (a *Admin) GetPerson(ctx context.Context, id string) (out Person, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/people/{id}", id)}, &out)
	return out, tag, err
}

// ChangePerson: Change a person's claims.
// PATCH /people/{id}
func (a *Admin) ChangePerson(ctx context.Context, id string, match ETag, patch any) (out Person, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPatch, path: path("/people/{id}", id), match: match, body: patch, merge: true}, &out)
	return out, tag, err
}

// ListAgents: List the agents that a person allowed to act for them, and what they agreed on.
// GET /people/{id}/agents
func (a *Admin) ListAgents(ctx context.Context, id string) (out Page[Agent], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/people/{id}/agents", id)}, &out)
	return out, err
}

// RemoveAgent: End all that an agent has of a person: it has to ask anew.
// DELETE /people/{id}/agents/{client}
func (a *Admin) RemoveAgent(ctx context.Context, id string, client string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/people/{id}/agents/{client}", id, client)}, nil)
	return err
}

// PauseAgent: Pause an agent of a person, until the person lets it go on.
// POST /people/{id}/agents/{client}/pause
func (a *Admin) PauseAgent(ctx context.Context, id string, client string, repeat ...RepeatKey) error {
	_, err := a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/agents/{client}/pause", id, client), keys: repeat}, nil)
	return err
}

// ListConsents: List what a person allowed apps.
// GET /people/{id}/consents
func (a *Admin) ListConsents(ctx context.Context, id string, q Paging) (out Page[Consent], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/people/{id}/consents", id), query: q}, &out)
	return out, err
}

// WithdrawConsent: Take back what a person allowed an app: its access ends, and it has to ask anew.
// DELETE /people/{id}/consents/{client}
func (a *Admin) WithdrawConsent(ctx context.Context, id string, client string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/people/{id}/consents/{client}", id, client)}, nil)
	return err
}

// DisablePerson: Disable a person: ends all their sessions and grants.
// POST /people/{id}/disable
func (a *Admin) DisablePerson(ctx context.Context, id string, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/disable", id), keys: repeat}, &out)
	return out, err
}

// SetEmail: Give a person another email address; the one before is told.
// POST /people/{id}/email
func (a *Admin) SetEmail(ctx context.Context, id string, body EmailInBody, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/email", id), body: body, keys: repeat}, &out)
	return out, err
}

// EnablePerson: Let a disabled person sign in again.
// POST /people/{id}/enable
func (a *Admin) EnablePerson(ctx context.Context, id string, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/enable", id), keys: repeat}, &out)
	return out, err
}

// GetFactors: Show how a person signs in.
// GET /people/{id}/factors
func (a *Admin) GetFactors(ctx context.Context, id string) (out Factors, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/people/{id}/factors", id)}, &out)
	return out, tag, err
}

// ChangeMetadata: Change what administrators keep about a person, and apps may be told.
// PATCH /people/{id}/metadata
func (a *Admin) ChangeMetadata(ctx context.Context, id string, match ETag, patch any) (out Person, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPatch, path: path("/people/{id}/metadata", id),
		match: match, body: patch, merge: true}, &out)
	return out, tag, err
}

// ReplaceMetadata: Replace what administrators keep about a person, and apps may be told.
// PUT /people/{id}/metadata
func (a *Admin) ReplaceMetadata(ctx context.Context, id string, match ETag, body map[string]any) (out Person, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPut, path: path("/people/{id}/metadata", id), match: match, body: body}, &out)
	return out, tag, err
}

// SetPassword: Set a person's password: ends all their sessions and grants.
// POST /people/{id}/password
func (a *Admin) SetPassword(ctx context.Context, id string, body PasswordInBody, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/password", id), body: body, keys: repeat}, &out)
	return out, err
}

// PreviewClaimsQuery says what PreviewClaims asks for; what is zero is left out.
type PreviewClaimsQuery struct {
	ClientID string `query:"client_id"` // The app.
	Scope    string `query:"scope"`     // As if these were granted, separated by spaces; none = all that the app registered.
}

// PreviewClaims: Show the claims that an app would get about a person.
// GET /people/{id}/preview-claims
func (a *Admin) PreviewClaims(ctx context.Context, id string, q PreviewClaimsQuery) (out Preview, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/people/{id}/preview-claims", id), query: q}, &out)
	return out, tag, err
}

// ResetFactors: Remove second factors, passkeys and recovery codes: ends all sessions and grants.
// POST /people/{id}/reset-factors
func (a *Admin) ResetFactors(ctx context.Context, id string, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/reset-factors", id), keys: repeat}, &out)
	return out, err
}

// MakeResetLink: Make a link with which a person chooses a password, once, in 24 hours.
// POST /people/{id}/reset-link
func (a *Admin) MakeResetLink(ctx context.Context, id string, body LinkInBody, repeat ...RepeatKey) (out Link, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/reset-link", id), body: body, keys: repeat}, &out)
	return out, err
}

// RestorePerson: Keep a person who was to be deleted.
// POST /people/{id}/restore
func (a *Admin) RestorePerson(ctx context.Context, id string, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/restore", id), keys: repeat}, &out)
	return out, err
}

// EndSessions: End all of a person's sessions.
// DELETE /people/{id}/sessions
func (a *Admin) EndSessions(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/people/{id}/sessions", id)}, nil)
	return err
}

// ListSessions: List a person's live sessions.
// GET /people/{id}/sessions
func (a *Admin) ListSessions(ctx context.Context, id string) (out Page[Session], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/people/{id}/sessions", id)}, &out)
	return out, err
}

// EndSession: End one of a person's sessions.
// DELETE /people/{id}/sessions/{session}
func (a *Admin) EndSession(ctx context.Context, id string, session string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/people/{id}/sessions/{session}", id, session)}, nil)
	return err
}

// UnfreezePerson: Let a person sign in again who said "this was not me".
// POST /people/{id}/unfreeze
func (a *Admin) UnfreezePerson(ctx context.Context, id string, repeat ...RepeatKey) (out Person, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people/{id}/unfreeze", id), keys: repeat}, &out)
	return out, err
}

// ImportPeopleQuery says what ImportPeople asks for; what is zero is left out.
type ImportPeopleQuery struct {
	OnConflict string `query:"on_conflict"` // What becomes of people who exist already.
	DryRun     bool   `query:"dry_run"`     // Find all mistakes, write nothing.
}

// ImportPeople: Import people of another product: JSON lines, at most 1,000 and 1 MiB.
// POST /people:import
func (a *Admin) ImportPeople(ctx context.Context, q ImportPeopleQuery, lines []byte, repeat ...RepeatKey) (out Imported, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/people:import"), query: q, lines: lines, keys: repeat}, &out)
	return out, err
}

// ListResources: List APIs that access tokens are for.
// GET /resources
func (a *Admin) ListResources(ctx context.Context) (out Page[Resource], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/resources")}, &out)
	return out, err
}

// DeleteResource: Remove an API.
// DELETE /resources/{id}
func (a *Admin) DeleteResource(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/resources/{id}", id)}, nil)
	return err
}

// GetResource: Show an API; its identifier is escaped in the path.
// GET /resources/{id}
func (a *Admin) GetResource(ctx context.Context, id string) (out Resource, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/resources/{id}", id)}, &out)
	return out, tag, err
}

// PutResource: Register an API, or replace the one of the identifier.
// PUT /resources/{id}
func (a *Admin) PutResource(ctx context.Context, id string, match ETag, body ResourceBody) (out Resource, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPut, path: path("/resources/{id}", id), match: match, body: body}, &out)
	return out, tag, err
}

// ListRoles: List roles.
// GET /roles
func (a *Admin) ListRoles(ctx context.Context, q Paging) (out Page[Role], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/roles"), query: q}, &out)
	return out, err
}

// DeleteRole: Delete a role; nobody holds it any more.
// DELETE /roles/{id}
func (a *Admin) DeleteRole(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/roles/{id}", id)}, nil)
	return err
}

// PutRole: Make a role, or change the one of the name.
// PUT /roles/{id}
func (a *Admin) PutRole(ctx context.Context, id string, body RoleInBody) error {
	_, err := a.do(ctx, request{method: http.MethodPut, path: path("/roles/{id}", id), body: body}, nil)
	return err
}

// ListHolders: List who holds a role, people and then groups.
// GET /roles/{id}/holders
func (a *Admin) ListHolders(ctx context.Context, id string, q Paging) (out Holders, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/roles/{id}/holders", id), query: q}, &out)
	return out, tag, err
}

// TakeRoleFromGroup: End that somebody holds a role.
// DELETE /roles/{id}/holders/groups/{holder}
func (a *Admin) TakeRoleFromGroup(ctx context.Context, id string, holder string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/roles/{id}/holders/groups/{holder}", id, holder)}, nil)
	return err
}

// GiveRoleToGroup: Let somebody hold a role.
// PUT /roles/{id}/holders/groups/{holder}
func (a *Admin) GiveRoleToGroup(ctx context.Context, id string, holder string) error {
	_, err := a.do(ctx, request{method: http.MethodPut, path: path("/roles/{id}/holders/groups/{holder}", id, holder)}, nil)
	return err
}

// TakeRoleFromPerson: End that somebody holds a role.
// DELETE /roles/{id}/holders/people/{holder}
func (a *Admin) TakeRoleFromPerson(ctx context.Context, id string, holder string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/roles/{id}/holders/people/{holder}", id, holder)}, nil)
	return err
}

// GiveRoleToPerson: Let somebody hold a role.
// PUT /roles/{id}/holders/people/{holder}
func (a *Admin) GiveRoleToPerson(ctx context.Context, id string, holder string) error {
	_, err := a.do(ctx, request{method: http.MethodPut, path: path("/roles/{id}/holders/people/{holder}", id, holder)}, nil)
	return err
}

// ListSettings: List the settings in use, secrets masked, each with where it comes from.
// GET /settings
func (a *Admin) ListSettings(ctx context.Context, q Paging) (out Page[Setting], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/settings"), query: q}, &out)
	return out, err
}

// ResetSetting: Forget what is kept of branding or mail: the configuration counts again.
// DELETE /settings/{id}
func (a *Admin) ResetSetting(ctx context.Context, id string, match ETag) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/settings/{id}", id), match: match}, nil)
	return err
}

// GetSetting: Show branding or mail, and where it comes from; the password is never told.
// GET /settings/{id}
func (a *Admin) GetSetting(ctx context.Context, id string) (out State, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/settings/{id}", id)}, &out)
	return out, tag, err
}

// PutSetting: Keep branding or mail in the database; a password that is left out stays.
// PUT /settings/{id}
func (a *Admin) PutSetting(ctx context.Context, id string, match ETag, body SectionBody) (out State, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPut, path: path("/settings/{id}", id), match: match, body: body}, &out)
	return out, tag, err
}

// SettingSecretState: Say if a secret is the one in use, and if it is the one applied last.
// POST /settings/{id}/secret-state
func (a *Admin) SettingSecretState(ctx context.Context, id string, body StateInBody, repeat ...RepeatKey) (out SecretState, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/settings/{id}/secret-state", id), body: body, keys: repeat}, &out)
	return out, err
}

// TestMail: Send an email at once, and tell what the mail server says.
// POST /settings/{id}/test
func (a *Admin) TestMail(ctx context.Context, id string, body TestMailRequest, repeat ...RepeatKey) (out Page[Finding], err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/settings/{id}/test", id), body: body, keys: repeat}, &out)
	return out, err
}

// ApplyStep: Make, change or delete one thing as files say, if it is as it was planned on.
// POST /steps
func (a *Admin) ApplyStep(ctx context.Context, body Steps, repeat ...RepeatKey) error {
	_, err := a.do(ctx, request{method: http.MethodPost, path: path("/steps"), body: body, keys: repeat}, nil)
	return err
}

// CheckStep: Tell what is wrong with a step without doing it.
// POST /steps:check
func (a *Admin) CheckStep(ctx context.Context, body Steps, repeat ...RepeatKey) error {
	_, err := a.do(ctx, request{method: http.MethodPost, path: path("/steps:check"), body: body, keys: repeat}, nil)
	return err
}

// ExplainRequest: Explain why the request of a reference was refused.
// GET /traces/{id}
func (a *Admin) ExplainRequest(ctx context.Context, id string) (out Explained, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/traces/{id}", id)}, &out)
	return out, tag, err
}

// ListUpstreams: List the providers where people sign in.
// GET /upstreams
func (a *Admin) ListUpstreams(ctx context.Context) (out Page[Upstream], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/upstreams")}, &out)
	return out, err
}

// CreateUpstream: Let people sign in at another provider.
// POST /upstreams
func (a *Admin) CreateUpstream(ctx context.Context, body UpstreamBody, repeat ...RepeatKey) (out UpstreamSettings, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/upstreams"), body: body, keys: repeat}, &out)
	return out, err
}

// DeleteUpstream: Remove a provider: nobody can sign in there; sessions stay.
// DELETE /upstreams/{id}
func (a *Admin) DeleteUpstream(ctx context.Context, id string, match ETag) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/upstreams/{id}", id), match: match}, nil)
	return err
}

// GetUpstream: Show a provider where people sign in; its secrets are never told.
// GET /upstreams/{id}
func (a *Admin) GetUpstream(ctx context.Context, id string) (out UpstreamSettings, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/upstreams/{id}", id)}, &out)
	return out, tag, err
}

// ChangeUpstream: Change some of what is set for a provider (RFC 7396).
// PATCH /upstreams/{id}
func (a *Admin) ChangeUpstream(ctx context.Context, id string, match ETag, patch any) (out UpstreamSettings, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPatch, path: path("/upstreams/{id}", id), match: match, body: patch, merge: true}, &out)
	return out, tag, err
}

// ReplaceUpstream: Replace what is set for a provider; secrets that are left out stay.
// PUT /upstreams/{id}
func (a *Admin) ReplaceUpstream(ctx context.Context, id string, match ETag, body UpstreamBody) (out UpstreamSettings, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPut, path: path("/upstreams/{id}", id), match: match, body: body}, &out)
	return out, tag, err
}

// DisableUpstream: Let nobody sign in at a provider, or let them again; sessions stay.
// POST /upstreams/{id}/disable
func (a *Admin) DisableUpstream(ctx context.Context, id string, repeat ...RepeatKey) (out UpstreamSettings, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/upstreams/{id}/disable", id), keys: repeat}, &out)
	return out, err
}

// EnableUpstream: Let nobody sign in at a provider, or let them again; sessions stay.
// POST /upstreams/{id}/enable
func (a *Admin) EnableUpstream(ctx context.Context, id string, repeat ...RepeatKey) (out UpstreamSettings, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/upstreams/{id}/enable", id), keys: repeat}, &out)
	return out, err
}

// UpstreamSecretState: Say if a secret is the provider's, and if it is the one applied last.
// POST /upstreams/{id}/secret-state
func (a *Admin) UpstreamSecretState(ctx context.Context, id string, body StateInBody, repeat ...RepeatKey) (out SecretState, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/upstreams/{id}/secret-state", id), body: body, keys: repeat}, &out)
	return out, err
}

// TestUpstream: Ask a provider if it is set up as it must be, and count who needs it.
// POST /upstreams/{id}/test
func (a *Admin) TestUpstream(ctx context.Context, id string, repeat ...RepeatKey) (out Page[Finding], err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/upstreams/{id}/test", id), keys: repeat}, &out)
	return out, err
}

// ListWebhooks: List endpoints of other systems that are told of events.
// GET /webhooks
func (a *Admin) ListWebhooks(ctx context.Context) (out Page[Webhook], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/webhooks")}, &out)
	return out, err
}

// CreateWebhook: Tell another system of events; the secret is in the answer, this once.
// POST /webhooks
func (a *Admin) CreateWebhook(ctx context.Context, body WebhookInBody, repeat ...RepeatKey) (out WebhookMade, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/webhooks"), body: body, keys: repeat}, &out)
	return out, err
}

// DeleteWebhook: Remove a webhook; what waits for it is dropped.
// DELETE /webhooks/{id}
func (a *Admin) DeleteWebhook(ctx context.Context, id string) error {
	_, err := a.do(ctx, request{method: http.MethodDelete, path: path("/webhooks/{id}", id)}, nil)
	return err
}

// GetWebhook: Show a webhook.
// GET /webhooks/{id}
func (a *Admin) GetWebhook(ctx context.Context, id string) (out Webhook, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodGet, path: path("/webhooks/{id}", id)}, &out)
	return out, tag, err
}

// ChangeWebhook: Change a webhook.
// PUT /webhooks/{id}
func (a *Admin) ChangeWebhook(ctx context.Context, id string, match ETag, body Endpoint) (out Webhook, tag ETag, err error) {
	tag, err = a.do(ctx, request{method: http.MethodPut, path: path("/webhooks/{id}", id), match: match, body: body}, &out)
	return out, tag, err
}

// ListDeliveries: List events that wait for a webhook or were given up.
// GET /webhooks/{id}/deliveries
func (a *Admin) ListDeliveries(ctx context.Context, id string) (out Page[Delivery], err error) {
	_, err = a.do(ctx, request{method: http.MethodGet, path: path("/webhooks/{id}/deliveries", id)}, &out)
	return out, err
}

// DisableWebhook: Stop telling a webhook, or begin again.
// POST /webhooks/{id}/disable
func (a *Admin) DisableWebhook(ctx context.Context, id string, repeat ...RepeatKey) (out Webhook, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/webhooks/{id}/disable", id), keys: repeat}, &out)
	return out, err
}

// EnableWebhook: Stop telling a webhook, or begin again.
// POST /webhooks/{id}/enable
func (a *Admin) EnableWebhook(ctx context.Context, id string, repeat ...RepeatKey) (out Webhook, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/webhooks/{id}/enable", id), keys: repeat}, &out)
	return out, err
}

// ReplayWebhook: Send a webhook again what happened in a time.
// POST /webhooks/{id}/replay
func (a *Admin) ReplayWebhook(ctx context.Context, id string, body ReplayInBody, repeat ...RepeatKey) (out Replayed, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/webhooks/{id}/replay", id), body: body, keys: repeat}, &out)
	return out, err
}

// RetryWebhook: Try what waits for a webhook, or was given up, now.
// POST /webhooks/{id}/retry
func (a *Admin) RetryWebhook(ctx context.Context, id string, repeat ...RepeatKey) (out Replayed, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/webhooks/{id}/retry", id), keys: repeat}, &out)
	return out, err
}

// WebhookSecretState: Say if a secret signs for a webhook, and if it is the one applied last.
// POST /webhooks/{id}/secret-state
func (a *Admin) WebhookSecretState(ctx context.Context, id string, body StateInBody, repeat ...RepeatKey) (out SecretState, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/webhooks/{id}/secret-state", id), body: body, keys: repeat}, &out)
	return out, err
}

// RotateWebhookSecret: Give a webhook a new secret; the one before signs as well for a day.
// POST /webhooks/{id}/secrets
func (a *Admin) RotateWebhookSecret(ctx context.Context, id string, repeat ...RepeatKey) (out WebhookMade, err error) {
	_, err = a.do(ctx, request{method: http.MethodPost, path: path("/webhooks/{id}/secrets", id), keys: repeat}, &out)
	return out, err
}

// TestWebhook: Send a webhook an event that did not happen.
// POST /webhooks/{id}/test
func (a *Admin) TestWebhook(ctx context.Context, id string, repeat ...RepeatKey) error {
	_, err := a.do(ctx, request{method: http.MethodPost, path: path("/webhooks/{id}/test", id), keys: repeat}, nil)
	return err
}
