// Code generated from the document of the API by internal/clientgen. DO NOT EDIT.
import { type Ask, Caller, type Sending, path } from './admin-caller.js'

export interface Agent {
  agreed_at: string
  /** At each API; none = any number. */
  calls_a_day?: number
  client_id: string
  last_used_at?: string
  name?: string
  paused_at?: string
  resources?: string[] | null
  scope: string
  /** It may act no longer. */
  until: string
}

export interface ApiKeyInBody {
  /** The app that it belongs to, which bounds what it permits. */
  client_id: string
  /** Within 365 days. */
  expires_at: string
  /** What it is for. */
  name: string
  /** Where it is taken from, like 192.0.2.0/24; anywhere if left out. */
  networks?: string[] | null
  /** Of the scopes of the app. */
  permissions: string[] | null
}

export interface ApiKeyMade {
  /** Shown this once. */
  api_key: string
  client_id: string
  created_at: string
  created_by: string
  expires_at: string
  id: string
  last_used_at?: string
  name: string
  networks?: string[] | null
  permissions: string[] | null
}

export interface ClaimsInBody {
  /** Merged into those that there are; null removes one (RFC 7396). */
  claims: Record<string, unknown>
}

export interface Client {
  /** Like 10m. */
  access_token_lifetime?: string
  access_token_signed_response_alg?: string
  admin_tools?: boolean
  agent?: boolean
  agent_max_calls?: number
  agent_max_days?: number
  application_type?: string
  authorization_details_types?: string[] | null
  authorization_encrypted_response_alg?: string
  authorization_encrypted_response_enc?: string
  authorization_signed_response_alg?: string
  backchannel_authentication_request_signing_alg?: string
  backchannel_client_notification_endpoint?: string
  backchannel_logout_session_required?: boolean
  backchannel_logout_uri?: string
  backchannel_token_delivery_mode?: string
  claims_map?: Record<string, unknown>[] | null
  client_id: string
  client_name?: string
  client_secret?: string
  client_uri?: string
  contacts?: string[] | null
  /** It is in the configuration: change it there. */
  declared: boolean
  default_acr_values?: string[] | null
  default_max_age?: number
  disabled: boolean
  dpop_bound_access_tokens?: boolean
  exchange?: Record<string, unknown>
  federated_credentials?: Record<string, unknown>[] | null
  first_party?: boolean
  frontchannel_logout_session_required?: boolean
  frontchannel_logout_uri?: string
  grant_types?: string[] | null
  groups_claim?: string
  groups_filter?: string[] | null
  id_token_claims?: boolean
  id_token_encrypted_response_alg?: string
  id_token_encrypted_response_enc?: string
  id_token_signed_response_alg?: string
  initiate_login_uri?: string
  introspection_encrypted_response_alg?: string
  introspection_encrypted_response_enc?: string
  introspection_signed_response_alg?: string
  jwks?: Record<string, unknown>
  jwks_uri?: string
  localized?: Record<string, unknown>
  logo_uri?: string
  max_grants?: number
  policy_uri?: string
  post_logout_redirect_uris?: string[] | null
  profile?: string
  redirect_uris?: string[] | null
  /** Like 10m. */
  refresh_token_idle?: string
  /** Like 10m. */
  refresh_token_lifetime?: string
  request_object_encryption_alg?: string
  request_object_encryption_enc?: string
  request_object_signing_alg?: string
  request_uris?: string[] | null
  require_auth_time?: boolean
  require_pkce?: boolean
  require_pushed_authorization_requests?: boolean
  require_second_factor?: boolean
  require_signed_request_object?: boolean
  response_types?: string[] | null
  roles_claim?: string
  scope?: string
  sector_identifier_uri?: string
  software_id?: string
  software_version?: string
  subject_type?: string
  tls_client_auth_san_dns?: string
  tls_client_auth_san_email?: string
  tls_client_auth_san_ip?: string
  tls_client_auth_san_uri?: string
  tls_client_auth_subject_dn?: string
  tls_client_certificate_bound_access_tokens?: boolean
  token_endpoint_auth_method?: string
  token_endpoint_auth_signing_alg?: string
  tos_uri?: string
  upstreams?: string[] | null
  userinfo_encrypted_response_alg?: string
  userinfo_encrypted_response_enc?: string
  userinfo_max_age?: number
  userinfo_signed_response_alg?: string
}

export interface ClientBody {
  /** Like 10m. */
  access_token_lifetime?: string
  access_token_signed_response_alg?: string
  admin_tools?: boolean
  agent?: boolean
  agent_max_calls?: number
  agent_max_days?: number
  application_type?: string
  authorization_details_types?: string[] | null
  authorization_encrypted_response_alg?: string
  authorization_encrypted_response_enc?: string
  authorization_signed_response_alg?: string
  backchannel_authentication_request_signing_alg?: string
  backchannel_client_notification_endpoint?: string
  backchannel_logout_session_required?: boolean
  backchannel_logout_uri?: string
  backchannel_token_delivery_mode?: string
  claims_map?: Record<string, unknown>[] | null
  client_id?: string
  client_name?: string
  client_secret?: string
  client_uri?: string
  contacts?: string[] | null
  default_acr_values?: string[] | null
  default_max_age?: number
  dpop_bound_access_tokens?: boolean
  exchange?: Record<string, unknown>
  federated_credentials?: Record<string, unknown>[] | null
  first_party?: boolean
  frontchannel_logout_session_required?: boolean
  frontchannel_logout_uri?: string
  grant_types?: string[] | null
  groups_claim?: string
  groups_filter?: string[] | null
  id_token_claims?: boolean
  id_token_encrypted_response_alg?: string
  id_token_encrypted_response_enc?: string
  id_token_signed_response_alg?: string
  initiate_login_uri?: string
  introspection_encrypted_response_alg?: string
  introspection_encrypted_response_enc?: string
  introspection_signed_response_alg?: string
  jwks?: Record<string, unknown>
  jwks_uri?: string
  localized?: Record<string, unknown>
  logo_uri?: string
  max_grants?: number
  policy_uri?: string
  post_logout_redirect_uris?: string[] | null
  profile?: string
  redirect_uris?: string[] | null
  /** Like 10m. */
  refresh_token_idle?: string
  /** Like 10m. */
  refresh_token_lifetime?: string
  request_object_encryption_alg?: string
  request_object_encryption_enc?: string
  request_object_signing_alg?: string
  request_uris?: string[] | null
  require_auth_time?: boolean
  require_pkce?: boolean
  require_pushed_authorization_requests?: boolean
  require_second_factor?: boolean
  require_signed_request_object?: boolean
  response_types?: string[] | null
  roles_claim?: string
  scope?: string
  sector_identifier_uri?: string
  software_id?: string
  software_version?: string
  subject_type?: string
  tls_client_auth_san_dns?: string
  tls_client_auth_san_email?: string
  tls_client_auth_san_ip?: string
  tls_client_auth_san_uri?: string
  tls_client_auth_subject_dn?: string
  tls_client_certificate_bound_access_tokens?: boolean
  token_endpoint_auth_method?: string
  token_endpoint_auth_signing_alg?: string
  tos_uri?: string
  upstreams?: string[] | null
  userinfo_encrypted_response_alg?: string
  userinfo_encrypted_response_enc?: string
  userinfo_max_age?: number
  userinfo_signed_response_alg?: string
}

export interface ClientSecret {
  created_at: string
  /** It is refused from then on; none = it does not expire. */
  expires_at?: string
  id: string
  /** To the minute or so; none = never. */
  last_used_at?: string
}

export interface Consent {
  /** Of an agent, at each API; none = any number. */
  calls_a_day?: number
  client_id: string
  created_at: string
  /** Of an agent that the person paused. */
  paused_at?: string
  /** Identifiers of the APIs that were shown. */
  resources?: string[] | null
  /** Granted, separated by spaces. */
  scope: string
  /** Of an agent: it may act no longer. */
  until?: string
  /** Agreed to last. */
  updated_at: string
}

export interface Delivery {
  created_at: string
  due_at?: string
  /** It was given up then. */
  failed_at?: string
  id: string
  last_error?: string
  tries: number
}

export interface EmailInBody {
  email: string
  /** You know that the address is theirs. */
  verified?: boolean
}

export interface Endpoint {
  description?: string
  /** Names, beginnings of names with the dot at their end, or *. */
  events: string[] | null
  url: string
}

export interface Event {
  actor_id?: string
  actor_kind?: string
  agent?: string
  at: string
  client_id?: string
  detail?: unknown
  grant_id?: string
  id: string
  name: string
  network?: string
  outcome: string
  request_id?: string
  session_id?: string
  user_id?: string
}

export interface Explained {
  /** What the request wrote into the audit log, newest first. */
  events: Event[] | null
  /** What was wrong. */
  found: string
  /** How to fix it. */
  remedy: string
  /** What was checked, in order, to the check that failed. */
  steps: Step[] | null
  trace: Trace
}

export interface Fact {
  name: string
  value: string
}

export interface Factors {
  /** An authenticator app is set up. */
  authenticator: boolean
  /** Accounts at upstreams. */
  identities: Identity[] | null
  passkeys: Passkey[] | null
  password: boolean
  /** How many are left. */
  recovery_codes: number
}

export interface Finding {
  check: string
  /** How to fix it. */
  remedy?: string
  state: string
  /** What was found. */
  text: string
}

export interface FirstSignIn {
  /** Since when. */
  at?: string
  /** The last request of the app that was refused, if that was after it. */
  refused?: Mistake
  /** What it was granted. */
  scope?: string
  /** Somebody is signed in at the app now: it has exchanged a code for tokens. */
  signed_in: boolean
}

export interface FootLink {
  title: string
  url: string
}

export interface Grant {
  client_id: string
  created_at: string
  ends_at: string
  expires_at: string
  id: string
  last_used_at?: string
  offline: boolean
  resources?: string[] | null
  scope: string
  session_id?: string
  user_id: string
}

export interface Group {
  created_at: string
  description: string
  name: string
}

export interface GroupInBody {
  description?: string
}

export interface Holders {
  groups: string[] | null
  next?: string
  people: string[] | null
}

export interface Identity {
  iss: string
  label?: string
  last_used_at?: string
  sub: string
  upstream: string
}

export interface Imported {
  created: number
  dry_run: boolean
  /** What became of each line. */
  lines: ImportedLine[] | null
  refused: number
  unchanged: number
  updated: number
}

export interface ImportedLine {
  /** Why it was refused. */
  error?: string
  /** The person's, where the line has none. */
  id?: string
  line: number
  result: string
}

export interface Info {
  alg: string
  kid: string
  made_at: string
  retires_at?: string
  signs_from?: string
  state: string
}

export interface Key {
  client_id: string
  created_at: string
  created_by: string
  expires_at: string
  id: string
  last_used_at?: string
  name: string
  networks?: string[] | null
  permissions: string[] | null
}

export interface Link {
  link?: string
  sent: boolean
}

export interface LinkInBody {
  /** Mail it to the person; then it is not in the answer. */
  send?: boolean
}

export interface Managed {
  /** What the files said last. */
  applied: Record<string, unknown>
  at: string
  /** Who applied it last. */
  by: string
  key: string
  kind: string
  owner: string
  /** What a step names that was planned on this. */
  version: number
}

export interface Mistake {
  at: string
  /** What failed. */
  check: string
  found: string
  reference: string
  remedy: string
  route: string
}

export interface PageAgent {
  items: Agent[] | null
  next?: string
}

export interface PageClient {
  items: Client[] | null
  next?: string
}

export interface PageClientSecret {
  items: ClientSecret[] | null
  next?: string
}

export interface PageConsent {
  items: Consent[] | null
  next?: string
}

export interface PageDelivery {
  items: Delivery[] | null
  next?: string
}

export interface PageEvent {
  items: Event[] | null
  next?: string
}

export interface PageFinding {
  items: Finding[] | null
  next?: string
}

export interface PageGrant {
  items: Grant[] | null
  next?: string
}

export interface PageGroup {
  items: Group[] | null
  next?: string
}

export interface PageInfo {
  items: Info[] | null
  next?: string
}

export interface PageKey {
  items: Key[] | null
  next?: string
}

export interface PageManaged {
  items: Managed[] | null
  next?: string
}

export interface PagePerson {
  items: Person[] | null
  next?: string
}

export interface PageResource {
  items: Resource[] | null
  next?: string
}

export interface PageRole {
  items: Role[] | null
  next?: string
}

export interface PageSession {
  items: Session[] | null
  next?: string
}

export interface PageSetting {
  items: Setting[] | null
  next?: string
}

export interface PageUpstream {
  items: Upstream[] | null
  next?: string
}

export interface PageWaiting {
  items: Waiting[] | null
  next?: string
}

export interface PageWebhook {
  items: Webhook[] | null
  next?: string
}

export interface Passkey {
  created_at: string
  last_used_at?: string
  name: string
}

export interface PasswordInBody {
  password: string
}

export interface Person {
  /** OpenID Connect standard claims. */
  claims?: unknown
  created_at: string
  disabled: boolean
  email: string
  email_verified: boolean
  /** When the account is erased, if that was asked for. */
  erase_at?: string
  /** They said that a change was not theirs; a new password opens the account again. */
  frozen: boolean
  /** Only where one person is asked for. */
  groups?: string[] | null
  /** The sub claim. */
  id: string
  /** Kept by administrators; only where one person is asked for. */
  metadata?: unknown
  /** Also those held through groups; only where one person is asked for. */
  roles?: string[] | null
  updated_at: string
  username?: string
}

export interface PersonInBody {
  /** OpenID Connect standard claims. */
  claims?: Record<string, unknown>
  email: string
  /** You know that the address is theirs. */
  email_verified?: boolean
  /** An object that administrators keep. Needs people:metadata. */
  metadata?: Record<string, unknown>
  name?: string
  /** Needs people:credentials. Without one they use a reset link. */
  password?: string
  username?: string
}

export interface Preview {
  /** Claims about the person in the access token. */
  access_token: Record<string, unknown>
  client_id: string
  /** Claims about the person in the ID token. */
  id_token: Record<string, unknown>
  /** As if they were granted. */
  scopes: string[] | null
  /** What the app calls the person; empty where that cannot be said here. */
  sub: string
  /** The answer of the userinfo endpoint. */
  userinfo: Record<string, unknown>
}

export interface ReplayInBody {
  since: string
  until?: string
}

export interface Replayed {
  events: number
  /** There may be more: go on since then. */
  next?: string
}

export interface Resource {
  authorization_details?: Record<string, unknown>[] | null
  declared?: boolean
  exchanged_by?: string[] | null
  identifier: string
  introspected_by?: string[] | null
  max_age?: number
  name?: string
  open?: boolean
  require_second_factor?: boolean
  scope_details?: Record<string, unknown>
  scopes?: string[] | null
}

export interface ResourceBody {
  authorization_details?: Record<string, unknown>[] | null
  declared?: boolean
  exchanged_by?: string[] | null
  identifier?: string
  introspected_by?: string[] | null
  max_age?: number
  name?: string
  open?: boolean
  require_second_factor?: boolean
  scope_details?: Record<string, unknown>
  scopes?: string[] | null
}

export interface RevokeEverythingRequest {
  /** The person, by RFC 9493. */
  sub_id: SubjectID
}

export interface Role {
  created_at: string
  description: string
  name: string
  permissions: string[] | null
  /** It came with Signet and cannot be changed. */
  shipped: boolean
}

export interface RoleInBody {
  description?: string
  /** What its holders may do to this server. */
  permissions?: string[] | null
}

export interface RotateKeyRequest {
  /** Like ES256. */
  alg: string
  /** Refuse what the keys before signed at once. */
  emergency?: boolean
}

export interface Secret {
  client_id: string
  /** Shown this once. */
  client_secret: string
}

export interface SecretInBody {
  /** How long the secrets before stay valid, like 24h; a week if left out. */
  keep?: string
}

export interface SecretState {
  /** It is the one that was applied last. */
  applied: boolean
  /** The client can authenticate by it. */
  valid: boolean
}

export interface SectionBody {
  color?: string
  from?: string
  host?: string
  id?: string
  links?: Record<string, unknown>[] | null
  logo?: string
  logo_dark?: string
  name?: string
  password?: string
  port?: number
  reply_to?: string
  tls?: string
  username?: string
}

export interface Session {
  address: string
  agent: string
  amr: string[] | null
  auth_time: string
  expires_at: string
  /** The sid claim. */
  id: string
  seen_at: string
  user_id: string
}

export interface Setting {
  key: string
  /** default, environment NAME, file NAME line N, flag --NAME, or database. */
  origin: string
  value: string
}

export interface Snippet {
  for: string
  /** Ready to paste; what is secret has a name in its place. */
  text: string
  /** Where the app's registration and the library do not go together. */
  warnings?: string[] | null
}

export interface State {
  /** Of branding, like #1f6f54; shades for light and dark are made of it. */
  color?: string
  /** Of mail: an address, or Name <address>. */
  from?: string
  /** Of mail: the SMTP server. */
  host?: string
  id: string
  /** Of branding: at the foot of each page. */
  links?: FootLink[] | null
  /** Of branding: the text of an SVG file, or data:image/png;base64,… */
  logo?: string
  /** Of branding: the one on dark pages, if it is another. */
  logo_dark?: string
  /** Of branding: beside the logo, in titles and emails. */
  name?: string
  /** declared: config.yaml has it, and only that changes it. */
  origin: string
  /** Of mail that is stored. */
  password_set?: boolean
  /** Of mail; left out: 587, or 465 with tls. */
  port?: number
  /** Why it is stored and not used. */
  problem?: string
  /** Of mail: where answers go. */
  reply_to?: string
  /** Of mail; left out: starttls. */
  tls?: string
  /** Of mail; the password is never told. */
  username?: string
  /** Of what is stored; another password is another version. */
  version?: number
}

export interface StateInBody {
  client_secret: string
}

export interface Step {
  check: string
  outcome: string
}

export interface Steps {
  /** The thing as it is to be; left out: it is deleted. */
  after?: Record<string, unknown>
  /** What the files say of it; left out: no files keep it any more. */
  applied?: Record<string, unknown>
  /** The thing as it was planned on; left out: there was none. */
  before?: Record<string, unknown>
  /** Another one of a client, an upstream, a webhook or the section mail. */
  client_secret?: string
  key: string
  kind: string
  /** Whose files keep it from then on. */
  owner: string
  /** Of the entry under /managed it was planned on; left out: there was none. */
  version?: number
}

export interface SubjectID {
  /** Of email. */
  email?: string
  format: string
  /** Of opaque: the id of the person. */
  id?: string
  /** Of iss_sub: this server. */
  iss?: string
  /** Of iss_sub: the id of the person, which no pairwise subject is. */
  sub?: string
}

export interface TestMailRequest {
  /** A tag like de; left out: English. */
  language?: string
  /** An address. */
  to: string
}

export interface Trace {
  at: string
  client_id?: string
  /** The error code of the protocol, or the kind of the error page. */
  code: string
  /** What the caller was told. */
  description?: string
  /** What the log says. */
  error?: string
  facts?: Fact[] | null
  network?: string
  reference: string
  /** Method and path, like POST /oauth2/token. */
  route: string
  /** Of HTTP; 302 where the error went to the app by a redirect. */
  status: number
  user_id?: string
}

export interface Upstream {
  /** config.yaml declares it, and only that changes it. */
  declared?: boolean
  /** Nobody can sign in there. */
  disabled?: boolean
  /** When it last could not. */
  failed_at?: string
  /** Why. */
  failure?: string
  id: string
  issuer?: string
  kind: string
  name: string
  /** To be registered there. */
  redirect_uri: string
  /** When it last said who somebody is. */
  succeeded_at?: string
}

export interface UpstreamBody {
  authoritative_for?: string[] | null
  claims?: Record<string, unknown>
  client_id?: string
  client_secret?: string
  disabled?: boolean
  domains?: string[] | null
  graph_version?: string
  groups?: Record<string, unknown>
  groups_claim?: string
  hidden?: boolean
  id?: string
  issuer?: string
  keep_tokens?: boolean
  key_id?: string
  kind?: string
  name?: string
  new_accounts?: string
  offline?: boolean
  private_key?: string
  profile?: string
  prompt?: string
  routes?: string[] | null
  scopes?: string[] | null
  sign_out?: boolean
  team_id?: string
  tenant?: string
  trust_second_factor?: boolean
}

export interface UpstreamSettings {
  /** Domains whose addresses need no proof here. */
  authoritative_for?: string[] | null
  /** Our claim: theirs. */
  claims?: Record<string, unknown>
  client_id: string
  /** config.yaml declares it, and only that changes it. */
  declared?: boolean
  /** Nobody can sign in there. */
  disabled?: boolean
  /** Only identities of these domains. */
  domains?: string[] | null
  /** Of kind facebook. */
  graph_version?: string
  /** Their group: ours. */
  groups?: Record<string, unknown>
  groups_claim?: string
  /** No button: reached by idp_hint, or by an address of its routes. */
  hidden?: boolean
  /** Part of the redirect URI. */
  id: string
  /** Of oidc; of github, an Enterprise Server's address. */
  issuer?: string
  keep_tokens?: boolean
  /** Of kind apple. */
  key_id?: string
  kind: string
  /** On the button. */
  name?: string
  new_accounts?: string
  /** Ask for a refresh token. */
  offline?: boolean
  /** When its claims are taken over. */
  profile?: string
  /** Instead of the kind's own. */
  prompt?: string
  /** To be registered there. */
  redirect_uri: string
  /** Addresses of these domains sign in there. */
  routes?: string[] | null
  /** Instead of the kind's own. */
  scopes?: string[] | null
  /** Signing out here signs out there. */
  sign_out?: boolean
  /** Of kind apple. */
  team_id?: string
  /** Of kind microsoft. */
  tenant?: string
  trust_second_factor?: boolean
  /** Of what is stored; another secret is another version. */
  version?: number
}

export interface Violation {
  detail: string
  /** The field, as a JSON pointer (RFC 6901). */
  pointer: string
}

export interface Waiting {
  due_at?: string
  expires_at: string
  failed_at?: string
  id: string
  kind: string
  last_error?: string
  tries: number
}

export interface Webhook {
  created_at: string
  description: string
  disabled: boolean
  /** Names, beginnings of names with the dot at their end, or * for all. */
  events: string[] | null
  /** Nothing was taken since. */
  failing_since?: string
  id: string
  /** The secret before signs as well until then. */
  old_secret_until?: string
  /** It is told what happens from then on. */
  since: string
  updated_at: string
  url: string
  /** Why it is disabled, if nobody did it. */
  why?: string
}

export interface WebhookInBody {
  description?: string
  /** Names, beginnings of names with the dot at their end, or *. */
  events: string[] | null
  /** whsec_ and 24 to 64 bytes in base64; one is made up if it is left out. */
  secret?: string
  url: string
}

export interface WebhookMade {
  created_at: string
  description: string
  disabled: boolean
  /** Names, beginnings of names with the dot at their end, or * for all. */
  events: string[] | null
  /** Nothing was taken since. */
  failing_since?: string
  id: string
  /** The secret before signs as well until then. */
  old_secret_until?: string
  /** Shown this once. */
  secret: string
  /** It is told what happens from then on. */
  since: string
  updated_at: string
  url: string
  /** Why it is disabled, if nobody did it. */
  why?: string
}

/** A method for each operation of the API of administrators. */
export class Admin extends Caller {
  /** List the API keys of apps, without the keys themselves: GET /api-keys. */
  async listApiKeys(query: {
      limit?: number
      after?: string
      client_id?: string
    } = {},
    ask: Ask = {}): Promise<PageKey> {
    return this.value('GET', path('/api-keys'), { query, ...ask })
  }

  /** Make an API key; it is in the answer, this once: POST /api-keys. */
  async createApiKey(body: ApiKeyInBody,
    ask: Sending = {}): Promise<ApiKeyMade> {
    return this.value('POST', path('/api-keys'), { body, ...ask })
  }

  /** End an API key at once: DELETE /api-keys/{id}. */
  async revokeApiKey(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/api-keys/{id}', id), { ...ask })
  }

  /** List apps; those of the configuration come first: GET /clients. */
  async listClients(query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PageClient> {
    return this.value('GET', path('/clients'), { query, ...ask })
  }

  /** Register an app; its secret is in the answer, this once: POST /clients. */
  async createClient(body: ClientBody,
    ask: Sending = {}): Promise<Client> {
    return this.value('POST', path('/clients'), { body, ...ask })
  }

  /** Remove an app, its secrets and consents, and revoke its grants: DELETE /clients/{id}. */
  async deleteClient(id: string,
    match: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/clients/{id}', id), { match, ...ask })
  }

  /** Show an app: GET /clients/{id}. */
  async getClient(id: string,
    ask: Ask = {}): Promise<{ value: Client; etag: string }> {
    return this.tagged('GET', path('/clients/{id}', id), { ...ask })
  }

  /** Change some of an app's registration (RFC 7396): PATCH /clients/{id}. */
  async changeClient(id: string,
    match: string,
    patch: Record<string, unknown>,
    ask: Ask = {}): Promise<{ value: Client; etag: string }> {
    return this.tagged('PATCH', path('/clients/{id}', id), { match, body: patch, merge: true, ...ask })
  }

  /** Replace an app's registration: PUT /clients/{id}. */
  async replaceClient(id: string,
    match: string,
    body: ClientBody,
    ask: Ask = {}): Promise<{ value: Client; etag: string }> {
    return this.tagged('PUT', path('/clients/{id}', id), { match, body, ...ask })
  }

  /** Let an app, as it was read, use the tools for administrators' MCP clients: POST /clients/{id}/allow-admin. */
  async allowTools(id: string,
    match: string,
    ask: Sending = {}): Promise<Client> {
    return this.value('POST', path('/clients/{id}/allow-admin', id), { match, ...ask })
  }

  /** Check an app: its registration, its keys, and whether the addresses in it answer: POST /clients/{id}/check. */
  async checkClient(id: string,
    ask: Sending = {}): Promise<PageFinding> {
    return this.value('POST', path('/clients/{id}/check', id), { ...ask })
  }

  /** Refuse an app's requests, or take them again: POST /clients/{id}/disable. */
  async disableClient(id: string,
    ask: Sending = {}): Promise<Client> {
    return this.value('POST', path('/clients/{id}/disable', id), { ...ask })
  }

  /** Let an app use the tools for administrators' MCP clients no longer: POST /clients/{id}/disallow-admin. */
  async removeTools(id: string,
    ask: Sending = {}): Promise<Client> {
    return this.value('POST', path('/clients/{id}/disallow-admin', id), { ...ask })
  }

  /** Refuse an app's requests, or take them again: POST /clients/{id}/enable. */
  async enableClient(id: string,
    ask: Sending = {}): Promise<Client> {
    return this.value('POST', path('/clients/{id}/enable', id), { ...ask })
  }

  /** Report whether anybody has signed in at an app, and why not: GET /clients/{id}/first-sign-in. */
  async getFirstSignIn(id: string,
    ask: Ask = {}): Promise<{ value: FirstSignIn; etag: string }> {
    return this.tagged('GET', path('/clients/{id}/first-sign-in', id), { ...ask })
  }

  /** Say if a secret is the app's, and if it is the one applied last: POST /clients/{id}/secret-state. */
  async secretState(id: string,
    body: StateInBody,
    ask: Sending = {}): Promise<SecretState> {
    return this.value('POST', path('/clients/{id}/secret-state', id), { body, ...ask })
  }

  /** List an app's secrets: when each was made and used, not what it is: GET /clients/{id}/secrets. */
  async listSecrets(id: string,
    ask: Ask = {}): Promise<PageClientSecret> {
    return this.value('GET', path('/clients/{id}/secrets', id), { ...ask })
  }

  /** Give an app a new secret: POST /clients/{id}/secrets. */
  async rotateSecret(id: string,
    body: SecretInBody,
    ask: Sending = {}): Promise<Secret> {
    return this.value('POST', path('/clients/{id}/secrets', id), { body, ...ask })
  }

  /** Refuse one of an app's secrets from now on; not the last: DELETE /clients/{id}/secrets/{secret}. */
  async removeSecret(id: string,
    secret: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/clients/{id}/secrets/{secret}', id, secret), { ...ask })
  }

  /** Show what an app's own configuration needs: GET /clients/{id}/snippet. */
  async getSnippet(id: string,
    query: {
      for?: string
    } = {},
    ask: Ask = {}): Promise<{ value: Snippet; etag: string }> {
    return this.tagged('GET', path('/clients/{id}/snippet', id), { query, ...ask })
  }

  /** List audit events, newest first: GET /events. */
  async listEvents(query: {
      limit?: number
      after?: string
      name?: string
      outcome?: string
      actor?: string
      person?: string
      client?: string
      reference?: string
      since?: string
    } = {},
    ask: Ask = {}): Promise<PageEvent> {
    return this.value('GET', path('/events'), { query, ...ask })
  }

  /** Read audit events as lines, the oldest first, 15 seconds behind; follow the link for more: GET /events:export. */
  async exportEvents(query: {
      format?: string
      after?: string
      since?: string
      limit?: number
    } = {},
    ask: Ask = {}): Promise<string> {
    return this.text('GET', path('/events:export'), { query, ...ask })
  }

  /** End all sessions of a person and all access that apps have by them (Global Token Revocation): POST /global-token-revocation. */
  async revokeEverything(body: RevokeEverythingRequest,
    ask: Sending = {}): Promise<void> {
    return this.none('POST', path('/global-token-revocation'), { body, ...ask })
  }

  /** List the live grants of a person or of an app: GET /grants. */
  async listGrants(query: {
      limit?: number
      after?: string
      person?: string
      client?: string
    } = {},
    ask: Ask = {}): Promise<PageGrant> {
    return this.value('GET', path('/grants'), { query, ...ask })
  }

  /** Revoke a grant: its refresh token is refused at once: DELETE /grants/{id}. */
  async revokeGrant(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/grants/{id}', id), { ...ask })
  }

  /** List groups: GET /groups. */
  async listGroups(query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PageGroup> {
    return this.value('GET', path('/groups'), { query, ...ask })
  }

  /** Delete a group; the people stay: DELETE /groups/{id}. */
  async deleteGroup(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/groups/{id}', id), { ...ask })
  }

  /** Make a group, or describe the one of the name: PUT /groups/{id}. */
  async putGroup(id: string,
    body: GroupInBody,
    ask: Ask = {}): Promise<void> {
    return this.none('PUT', path('/groups/{id}', id), { body, ...ask })
  }

  /** List the people of a group: GET /groups/{id}/members. */
  async listMembers(id: string,
    query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PagePerson> {
    return this.value('GET', path('/groups/{id}/members', id), { query, ...ask })
  }

  /** Take a person out of a group: DELETE /groups/{id}/members/{person}. */
  async removeMember(id: string,
    person: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/groups/{id}/members/{person}', id, person), { ...ask })
  }

  /** Put a person into a group: PUT /groups/{id}/members/{person}. */
  async addMember(id: string,
    person: string,
    ask: Ask = {}): Promise<void> {
    return this.none('PUT', path('/groups/{id}/members/{person}', id, person), { ...ask })
  }

  /** Check the server's health: what is found, and how to fix it: GET /health. */
  async checkHealth(ask: Ask = {}): Promise<PageFinding> {
    return this.value('GET', path('/health'), { ...ask })
  }

  /** List signing keys: GET /keys. */
  async listKeys(ask: Ask = {}): Promise<PageInfo> {
    return this.value('GET', path('/keys'), { ...ask })
  }

  /** Make a new signing key: POST /keys. */
  async rotateKey(body: RotateKeyRequest,
    ask: Sending = {}): Promise<Info> {
    return this.value('POST', path('/keys'), { body, ...ask })
  }

  /** Take a key out of the JWKS: nothing that it signed is accepted any more: DELETE /keys/{id}. */
  async retireKey(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/keys/{id}', id), { ...ask })
  }

  /** List emails that wait or were given up: neither address nor words: GET /mail. */
  async listMail(query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PageWaiting> {
    return this.value('GET', path('/mail'), { query, ...ask })
  }

  /** Have an email not sent: DELETE /mail/{id}. */
  async dropMail(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/mail/{id}', id), { ...ask })
  }

  /** Show an email that waits or was given up: neither address nor words: GET /mail/{id}. */
  async getMail(id: string,
    ask: Ask = {}): Promise<{ value: Waiting; etag: string }> {
    return this.tagged('GET', path('/mail/{id}', id), { ...ask })
  }

  /** Try an email again at once: POST /mail/{id}/retry. */
  async retryMail(id: string,
    ask: Sending = {}): Promise<void> {
    return this.none('POST', path('/mail/{id}/retry', id), { ...ask })
  }

  /** List what is kept by files, and what they said last: GET /managed. */
  async listManaged(query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PageManaged> {
    return this.value('GET', path('/managed'), { query, ...ask })
  }

  /** List or search people: GET /people. */
  async listPeople(query: {
      limit?: number
      after?: string
      search?: string
      disabled?: boolean
      unverified?: boolean
      group?: string
      role?: string
      created_since?: string
    } = {},
    ask: Ask = {}): Promise<PagePerson> {
    return this.value('GET', path('/people'), { query, ...ask })
  }

  /** Create a person: POST /people. */
  async createPerson(body: PersonInBody,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people'), { body, ...ask })
  }

  /** Delete a person: ends everything of theirs, and erases them after the grace time: DELETE /people/{id}. */
  async deletePerson(id: string,
    match: string,
    query: {
      now?: boolean
    } = {},
    ask: Ask = {}): Promise<{ value: Person; etag: string }> {
    return this.tagged('DELETE', path('/people/{id}', id), { match, query, ...ask })
  }

  /** Show a person: GET /people/{id}. */
  async getPerson(id: string,
    ask: Ask = {}): Promise<{ value: Person; etag: string }> {
    return this.tagged('GET', path('/people/{id}', id), { ...ask })
  }

  /** Change a person's claims: PATCH /people/{id}. */
  async changePerson(id: string,
    match: string,
    patch: Record<string, unknown>,
    ask: Ask = {}): Promise<{ value: Person; etag: string }> {
    return this.tagged('PATCH', path('/people/{id}', id), { match, body: patch, merge: true, ...ask })
  }

  /** List the agents that a person allowed to act for them, and what they agreed on: GET /people/{id}/agents. */
  async listAgents(id: string,
    ask: Ask = {}): Promise<PageAgent> {
    return this.value('GET', path('/people/{id}/agents', id), { ...ask })
  }

  /** End all that an agent has of a person: it has to ask anew: DELETE /people/{id}/agents/{client}. */
  async removeAgent(id: string,
    client: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/people/{id}/agents/{client}', id, client), { ...ask })
  }

  /** Pause an agent of a person, until the person lets it go on: POST /people/{id}/agents/{client}/pause. */
  async pauseAgent(id: string,
    client: string,
    ask: Sending = {}): Promise<void> {
    return this.none('POST', path('/people/{id}/agents/{client}/pause', id, client), { ...ask })
  }

  /** List what a person allowed apps: GET /people/{id}/consents. */
  async listConsents(id: string,
    query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PageConsent> {
    return this.value('GET', path('/people/{id}/consents', id), { query, ...ask })
  }

  /** Take back what a person allowed an app: its access ends, and it has to ask anew: DELETE /people/{id}/consents/{client}. */
  async withdrawConsent(id: string,
    client: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/people/{id}/consents/{client}', id, client), { ...ask })
  }

  /** Disable a person: ends all their sessions and grants: POST /people/{id}/disable. */
  async disablePerson(id: string,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people/{id}/disable', id), { ...ask })
  }

  /** Give a person another email address; the one before is told: POST /people/{id}/email. */
  async setEmail(id: string,
    body: EmailInBody,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people/{id}/email', id), { body, ...ask })
  }

  /** Let a disabled person sign in again: POST /people/{id}/enable. */
  async enablePerson(id: string,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people/{id}/enable', id), { ...ask })
  }

  /** Show how a person signs in: GET /people/{id}/factors. */
  async getFactors(id: string,
    ask: Ask = {}): Promise<{ value: Factors; etag: string }> {
    return this.tagged('GET', path('/people/{id}/factors', id), { ...ask })
  }

  /** Change what administrators keep about a person, and apps may be told: PATCH /people/{id}/metadata. */
  async changeMetadata(id: string,
    match: string,
    patch: Record<string, unknown>,
    ask: Ask = {}): Promise<{ value: Person; etag: string }> {
    return this.tagged('PATCH', path('/people/{id}/metadata', id), { match, body: patch, merge: true, ...ask })
  }

  /** Replace what administrators keep about a person, and apps may be told: PUT /people/{id}/metadata. */
  async replaceMetadata(id: string,
    match: string,
    body: Record<string, unknown>,
    ask: Ask = {}): Promise<{ value: Person; etag: string }> {
    return this.tagged('PUT', path('/people/{id}/metadata', id), { match, body, ...ask })
  }

  /** Set a person's password: ends all their sessions and grants: POST /people/{id}/password. */
  async setPassword(id: string,
    body: PasswordInBody,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people/{id}/password', id), { body, ...ask })
  }

  /** Show the claims that an app would get about a person: GET /people/{id}/preview-claims. */
  async previewClaims(id: string,
    query: {
      client_id?: string
      scope?: string
    } = {},
    ask: Ask = {}): Promise<{ value: Preview; etag: string }> {
    return this.tagged('GET', path('/people/{id}/preview-claims', id), { query, ...ask })
  }

  /** Remove second factors, passkeys and recovery codes: ends all sessions and grants: POST /people/{id}/reset-factors. */
  async resetFactors(id: string,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people/{id}/reset-factors', id), { ...ask })
  }

  /** Make a link with which a person chooses a password, once, in 24 hours: POST /people/{id}/reset-link. */
  async makeResetLink(id: string,
    body: LinkInBody,
    ask: Sending = {}): Promise<Link> {
    return this.value('POST', path('/people/{id}/reset-link', id), { body, ...ask })
  }

  /** Keep a person who was to be deleted: POST /people/{id}/restore. */
  async restorePerson(id: string,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people/{id}/restore', id), { ...ask })
  }

  /** End all of a person's sessions: DELETE /people/{id}/sessions. */
  async endSessions(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/people/{id}/sessions', id), { ...ask })
  }

  /** List a person's live sessions: GET /people/{id}/sessions. */
  async listSessions(id: string,
    ask: Ask = {}): Promise<PageSession> {
    return this.value('GET', path('/people/{id}/sessions', id), { ...ask })
  }

  /** End one of a person's sessions: DELETE /people/{id}/sessions/{session}. */
  async endSession(id: string,
    session: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/people/{id}/sessions/{session}', id, session), { ...ask })
  }

  /** Let a person sign in again who said "this was not me": POST /people/{id}/unfreeze. */
  async unfreezePerson(id: string,
    ask: Sending = {}): Promise<Person> {
    return this.value('POST', path('/people/{id}/unfreeze', id), { ...ask })
  }

  /** Import people of another product: JSON lines, at most 1,000 and 1 MiB: POST /people:import. */
  async importPeople(lines: string,
    query: {
      on_conflict?: string
      dry_run?: boolean
    } = {},
    ask: Sending = {}): Promise<Imported> {
    return this.value('POST', path('/people:import'), { lines, query, ...ask })
  }

  /** List APIs that access tokens are for: GET /resources. */
  async listResources(ask: Ask = {}): Promise<PageResource> {
    return this.value('GET', path('/resources'), { ...ask })
  }

  /** Remove an API: DELETE /resources/{id}. */
  async deleteResource(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/resources/{id}', id), { ...ask })
  }

  /** Show an API; its identifier is escaped in the path: GET /resources/{id}. */
  async getResource(id: string,
    ask: Ask = {}): Promise<{ value: Resource; etag: string }> {
    return this.tagged('GET', path('/resources/{id}', id), { ...ask })
  }

  /** Register an API, or replace the one of the identifier: PUT /resources/{id}. */
  async putResource(id: string,
    match: string,
    body: ResourceBody,
    ask: Ask = {}): Promise<{ value: Resource; etag: string }> {
    return this.tagged('PUT', path('/resources/{id}', id), { match, body, ...ask })
  }

  /** List roles: GET /roles. */
  async listRoles(query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PageRole> {
    return this.value('GET', path('/roles'), { query, ...ask })
  }

  /** Delete a role; nobody holds it any more: DELETE /roles/{id}. */
  async deleteRole(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/roles/{id}', id), { ...ask })
  }

  /** Make a role, or change the one of the name: PUT /roles/{id}. */
  async putRole(id: string,
    body: RoleInBody,
    ask: Ask = {}): Promise<void> {
    return this.none('PUT', path('/roles/{id}', id), { body, ...ask })
  }

  /** List who holds a role, people and then groups: GET /roles/{id}/holders. */
  async listHolders(id: string,
    query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<{ value: Holders; etag: string }> {
    return this.tagged('GET', path('/roles/{id}/holders', id), { query, ...ask })
  }

  /** End that somebody holds a role: DELETE /roles/{id}/holders/groups/{holder}. */
  async takeRoleFromGroup(id: string,
    holder: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/roles/{id}/holders/groups/{holder}', id, holder), { ...ask })
  }

  /** Let somebody hold a role: PUT /roles/{id}/holders/groups/{holder}. */
  async giveRoleToGroup(id: string,
    holder: string,
    ask: Ask = {}): Promise<void> {
    return this.none('PUT', path('/roles/{id}/holders/groups/{holder}', id, holder), { ...ask })
  }

  /** End that somebody holds a role: DELETE /roles/{id}/holders/people/{holder}. */
  async takeRoleFromPerson(id: string,
    holder: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/roles/{id}/holders/people/{holder}', id, holder), { ...ask })
  }

  /** Let somebody hold a role: PUT /roles/{id}/holders/people/{holder}. */
  async giveRoleToPerson(id: string,
    holder: string,
    ask: Ask = {}): Promise<void> {
    return this.none('PUT', path('/roles/{id}/holders/people/{holder}', id, holder), { ...ask })
  }

  /** List the settings in use, secrets masked, each with where it comes from: GET /settings. */
  async listSettings(query: {
      limit?: number
      after?: string
    } = {},
    ask: Ask = {}): Promise<PageSetting> {
    return this.value('GET', path('/settings'), { query, ...ask })
  }

  /** Forget what is kept of branding or mail: the configuration counts again: DELETE /settings/{id}. */
  async resetSetting(id: string,
    match: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/settings/{id}', id), { match, ...ask })
  }

  /** Show branding or mail, and where it comes from; the password is never told: GET /settings/{id}. */
  async getSetting(id: string,
    ask: Ask = {}): Promise<{ value: State; etag: string }> {
    return this.tagged('GET', path('/settings/{id}', id), { ...ask })
  }

  /** Keep branding or mail in the database; a password that is left out stays: PUT /settings/{id}. */
  async putSetting(id: string,
    match: string,
    body: SectionBody,
    ask: Ask = {}): Promise<{ value: State; etag: string }> {
    return this.tagged('PUT', path('/settings/{id}', id), { match, body, ...ask })
  }

  /** Say if a secret is the one in use, and if it is the one applied last: POST /settings/{id}/secret-state. */
  async settingSecretState(id: string,
    body: StateInBody,
    ask: Sending = {}): Promise<SecretState> {
    return this.value('POST', path('/settings/{id}/secret-state', id), { body, ...ask })
  }

  /** Send an email at once, and tell what the mail server says: POST /settings/{id}/test. */
  async testMail(id: string,
    body: TestMailRequest,
    ask: Sending = {}): Promise<PageFinding> {
    return this.value('POST', path('/settings/{id}/test', id), { body, ...ask })
  }

  /** Make, change or delete one thing as files say, if it is as it was planned on: POST /steps. */
  async applyStep(body: Steps,
    ask: Sending = {}): Promise<void> {
    return this.none('POST', path('/steps'), { body, ...ask })
  }

  /** Tell what is wrong with a step without doing it: POST /steps:check. */
  async checkStep(body: Steps,
    ask: Sending = {}): Promise<void> {
    return this.none('POST', path('/steps:check'), { body, ...ask })
  }

  /** Explain why the request of a reference was refused: GET /traces/{id}. */
  async explainRequest(id: string,
    ask: Ask = {}): Promise<{ value: Explained; etag: string }> {
    return this.tagged('GET', path('/traces/{id}', id), { ...ask })
  }

  /** List the providers where people sign in: GET /upstreams. */
  async listUpstreams(ask: Ask = {}): Promise<PageUpstream> {
    return this.value('GET', path('/upstreams'), { ...ask })
  }

  /** Let people sign in at another provider: POST /upstreams. */
  async createUpstream(body: UpstreamBody,
    ask: Sending = {}): Promise<UpstreamSettings> {
    return this.value('POST', path('/upstreams'), { body, ...ask })
  }

  /** Remove a provider: nobody can sign in there; sessions stay: DELETE /upstreams/{id}. */
  async deleteUpstream(id: string,
    match: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/upstreams/{id}', id), { match, ...ask })
  }

  /** Show a provider where people sign in; its secrets are never told: GET /upstreams/{id}. */
  async getUpstream(id: string,
    ask: Ask = {}): Promise<{ value: UpstreamSettings; etag: string }> {
    return this.tagged('GET', path('/upstreams/{id}', id), { ...ask })
  }

  /** Change some of what is set for a provider (RFC 7396): PATCH /upstreams/{id}. */
  async changeUpstream(id: string,
    match: string,
    patch: Record<string, unknown>,
    ask: Ask = {}): Promise<{ value: UpstreamSettings; etag: string }> {
    return this.tagged('PATCH', path('/upstreams/{id}', id), { match, body: patch, merge: true, ...ask })
  }

  /** Replace what is set for a provider; secrets that are left out stay: PUT /upstreams/{id}. */
  async replaceUpstream(id: string,
    match: string,
    body: UpstreamBody,
    ask: Ask = {}): Promise<{ value: UpstreamSettings; etag: string }> {
    return this.tagged('PUT', path('/upstreams/{id}', id), { match, body, ...ask })
  }

  /** Let nobody sign in at a provider, or let them again; sessions stay: POST /upstreams/{id}/disable. */
  async disableUpstream(id: string,
    ask: Sending = {}): Promise<UpstreamSettings> {
    return this.value('POST', path('/upstreams/{id}/disable', id), { ...ask })
  }

  /** Let nobody sign in at a provider, or let them again; sessions stay: POST /upstreams/{id}/enable. */
  async enableUpstream(id: string,
    ask: Sending = {}): Promise<UpstreamSettings> {
    return this.value('POST', path('/upstreams/{id}/enable', id), { ...ask })
  }

  /** Say if a secret is the provider's, and if it is the one applied last: POST /upstreams/{id}/secret-state. */
  async upstreamSecretState(id: string,
    body: StateInBody,
    ask: Sending = {}): Promise<SecretState> {
    return this.value('POST', path('/upstreams/{id}/secret-state', id), { body, ...ask })
  }

  /** Ask a provider if it is set up as it must be, and count who needs it: POST /upstreams/{id}/test. */
  async testUpstream(id: string,
    ask: Sending = {}): Promise<PageFinding> {
    return this.value('POST', path('/upstreams/{id}/test', id), { ...ask })
  }

  /** List endpoints of other systems that are told of events: GET /webhooks. */
  async listWebhooks(ask: Ask = {}): Promise<PageWebhook> {
    return this.value('GET', path('/webhooks'), { ...ask })
  }

  /** Tell another system of events; the secret is in the answer, this once: POST /webhooks. */
  async createWebhook(body: WebhookInBody,
    ask: Sending = {}): Promise<WebhookMade> {
    return this.value('POST', path('/webhooks'), { body, ...ask })
  }

  /** Remove a webhook; what waits for it is dropped: DELETE /webhooks/{id}. */
  async deleteWebhook(id: string,
    ask: Ask = {}): Promise<void> {
    return this.none('DELETE', path('/webhooks/{id}', id), { ...ask })
  }

  /** Show a webhook: GET /webhooks/{id}. */
  async getWebhook(id: string,
    ask: Ask = {}): Promise<{ value: Webhook; etag: string }> {
    return this.tagged('GET', path('/webhooks/{id}', id), { ...ask })
  }

  /** Change a webhook: PUT /webhooks/{id}. */
  async changeWebhook(id: string,
    match: string,
    body: Endpoint,
    ask: Ask = {}): Promise<{ value: Webhook; etag: string }> {
    return this.tagged('PUT', path('/webhooks/{id}', id), { match, body, ...ask })
  }

  /** List events that wait for a webhook or were given up: GET /webhooks/{id}/deliveries. */
  async listDeliveries(id: string,
    ask: Ask = {}): Promise<PageDelivery> {
    return this.value('GET', path('/webhooks/{id}/deliveries', id), { ...ask })
  }

  /** Stop telling a webhook, or begin again: POST /webhooks/{id}/disable. */
  async disableWebhook(id: string,
    ask: Sending = {}): Promise<Webhook> {
    return this.value('POST', path('/webhooks/{id}/disable', id), { ...ask })
  }

  /** Stop telling a webhook, or begin again: POST /webhooks/{id}/enable. */
  async enableWebhook(id: string,
    ask: Sending = {}): Promise<Webhook> {
    return this.value('POST', path('/webhooks/{id}/enable', id), { ...ask })
  }

  /** Send a webhook again what happened in a time: POST /webhooks/{id}/replay. */
  async replayWebhook(id: string,
    body: ReplayInBody,
    ask: Sending = {}): Promise<Replayed> {
    return this.value('POST', path('/webhooks/{id}/replay', id), { body, ...ask })
  }

  /** Try what waits for a webhook, or was given up, now: POST /webhooks/{id}/retry. */
  async retryWebhook(id: string,
    ask: Sending = {}): Promise<Replayed> {
    return this.value('POST', path('/webhooks/{id}/retry', id), { ...ask })
  }

  /** Say if a secret signs for a webhook, and if it is the one applied last: POST /webhooks/{id}/secret-state. */
  async webhookSecretState(id: string,
    body: StateInBody,
    ask: Sending = {}): Promise<SecretState> {
    return this.value('POST', path('/webhooks/{id}/secret-state', id), { body, ...ask })
  }

  /** Give a webhook a new secret; the one before signs as well for a day: POST /webhooks/{id}/secrets. */
  async rotateWebhookSecret(id: string,
    ask: Sending = {}): Promise<WebhookMade> {
    return this.value('POST', path('/webhooks/{id}/secrets', id), { ...ask })
  }

  /** Send a webhook an event that did not happen: POST /webhooks/{id}/test. */
  async testWebhook(id: string,
    ask: Sending = {}): Promise<void> {
    return this.none('POST', path('/webhooks/{id}/test', id), { ...ask })
  }
}
