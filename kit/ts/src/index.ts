import { Calls, type Counter } from './calls.js'
import { challenges, json, type Demand, needed } from './challenge.js'
import { currentNonce, type DPoP, Proofs, proofAlgorithms, proven, type Replay } from './dpop.js'
import { type Introspection, Introspections } from './introspect.js'
import { fromBase64, sha256, signedBy, split, token68, type JWS } from './jws.js'
import { KeySet, safe } from './keys.js'
import { type End, Endings, loggedOut, logoutToken } from './logout.js'
import { answers, Refusal } from './reason.js'
import { type Place, places, type Status, StatusLists } from './status.js'
import { parse, type Token } from './token.js'

export type { Actor, Token } from './token.js'
export { type CallLimit, Calls, type Counter } from './calls.js'
export type { Demand } from './challenge.js'
export { type DPoP, Proofs, type Replay } from './dpop.js'
export type { Introspection } from './introspect.js'
export type { End } from './logout.js'
export { type Reason, Refusal } from './reason.js'
export type { Status } from './status.js'

/** Options of an API. All left out is a good choice. Times are in seconds. */
export interface Options {
  /** By what address clients reach the API; left out, scheme and host of the identifier. A path only where a proxy takes it away. */
  baseURL?: string
  /** Further spellings of the identifier that aud may have. */
  audiences?: string[]
  /** How far another clock may be ahead (30), and how long a token is still taken after its end (10). */
  ahead?: number
  past?: number
  /** Left out: ES256, RS256, PS256 and EdDSA. MACs and none are refused. */
  algorithms?: string[]
  /** Address of the issuer's keys; left out, its discovery document says it. */
  jwks?: string
  /** How long keys are used while the issuer cannot be reached (a day). */
  stale?: number
  fetch?: typeof globalThis.fetch
  dpop?: DPoP
  /** Of agents; left out: in memory, for this process alone. */
  calls?: Counter
  /** Of tokens that say where it is looked up. Left out: revoked ones are refused within 15 seconds. */
  status?: Status
  /** Left out: tokens are JWTs, and no call is made for one. */
  introspection?: Introspection
  /** Where TLS ends at a proxy: its header with the client's certificate, and which addresses are the proxy. */
  proxy?: { header: string; trusted: (remote: string) => boolean }
  document?: { scopes?: string[]; name?: string; documentation?: string; policy?: string; terms?: string; certificateBound?: boolean }
  /** Reports whether a scope that a token has is enough where another one is needed. */
  implies?: (has: string, needs: string) => boolean
  /** Called once for each decision: why it was refused, undefined = allowed. */
  observe?: (refusal: Refusal | undefined) => void
}

/** What is known of a request beside the request. */
export interface Connection {
  /** The client's certificate, DER. */
  certificate?: Uint8Array<ArrayBuffer>
  /** Address of the other end. */
  remote?: string
}

/** A request that is allowed: its token, and headers for the answer. */
export interface Allowed { token: Token; headers: Headers }

const defaults = ['ES256', 'RS256', 'PS256', 'EdDSA']
const all = [...defaults, 'ES384', 'ES512', 'RS384', 'RS512', 'PS384', 'PS512']
const wellKnown = '/.well-known/oauth-protected-resource'

/** Takes access tokens for one resource. Nothing is fetched before the first request. */
export class Api {
  /** Where the API's metadata is (RFC 9728). */
  readonly metadataURL: string
  private readonly origin: string
  private readonly o: Options
  private readonly dpop: DPoP & { replay: Replay; ahead: number }
  private readonly keys: KeySet
  private readonly statuses: StatusLists
  private readonly asked?: Introspections
  private readonly calls: Counter
  private readonly endings = new Endings()
  private readonly seen = new Map<string, { token: Token; until: number; places: Place[] }>()

  constructor(private readonly issuer: string, readonly resource: string, options: Options = {}) {
    const id = new URL(resource)
    const base = new URL(options.baseURL ?? id.origin)
    const check = (good: boolean, why: string) => { if (!good) throw new TypeError(`kit: ${why}`) }
    check(safe(issuer), `issuer ${issuer} must be an https URL, or http on this computer`)
    check(/^https?:$/.test(id.protocol) && !id.hash, `resource ${resource} must be an http or https URL without a fragment`)
    check(base.origin === id.origin && !base.search && !base.hash, 'baseURL and resource have different hosts')
    check(options.jwks === undefined || safe(options.jwks), 'jwks must be an https URL')
    for (const alg of options.algorithms ?? []) check(all.includes(alg), `algorithm ${alg} is not one of ${all}`)
    for (const key of options.dpop?.nonceKeys ?? []) check(key.length >= 32, 'a key of nonces has less than 32 bytes')
    this.o = { ...options, algorithms: options.algorithms ?? defaults, audiences: [resource, ...(options.audiences ?? [])],
      ahead: options.ahead ?? 30, past: options.past ?? 10 }
    this.dpop = { ...options.dpop, replay: options.dpop?.replay ?? new Proofs(), ahead: this.o.ahead! }
    this.calls = options.calls ?? new Calls()
    this.origin = base.href.replace(/\/$/, '')
    this.metadataURL = id.origin + wellKnown + (id.pathname === '/' ? '' : id.pathname) + id.search
    this.keys = new KeySet(issuer, options.jwks, (options.stale ?? 86_400) * 1000, options.fetch ?? globalThis.fetch)
    this.statuses = new StatusLists(issuer, this.keys, this.o.algorithms!, { past: this.o.past!, ahead: this.o.ahead! },
      options.fetch ?? globalThis.fetch)
    if (options.introspection) {
      this.asked = new Introspections(options.introspection, { issuer, ahead: this.o.ahead!, past: this.o.past!, keys: this.keys,
        fetch: options.fetch ?? globalThis.fetch, mine: (aud) => this.isFor(aud),
        opened: async (sent, typ) => (await this.signed(sent, typ)).payload })
    }
  }

  /** Judges a request: what it is allowed with, or the answer that refuses it. A DPoP proof is good once: judge each request once. */
  async authorize(request: Request, demand: Demand = {}, connection: Connection = {}): Promise<Allowed | Response> {
    const dpop = /^dpop /i.test(request.headers.get('authorization') ?? '')
    try {
      const { token, sent } = await this.credentials(request)
      const nonce = await this.bound(request, dpop, token, sent, connection)
      this.demanded(token, demand)
      await this.count(token)
      this.o.observe?.(undefined)
      return { token, headers: new Headers(nonce ? { 'DPoP-Nonce': nonce } : {}) }
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('unavailable', String(error), { cause: error })
      this.o.observe?.(refusal)
      return this.refuse(refusal, dpop, demand)
    }
  }

  /** Asks for more of a token that authorize allowed: undefined, or the answer that refuses it. */
  demand(allowed: Allowed, demand: Demand): Response | undefined {
    try {
      this.demanded(allowed.token, demand)
      return undefined
    } catch (error) {
      this.o.observe?.(error as Refusal)
      return json(answers[(error as Refusal).reason].status, answers[(error as Refusal).reason],
        challenges(this.shape(), allowed.token.jkt !== '', (error as Refusal).reason, demand))
    }
  }

  private shape() {
    return { metadata: this.metadataURL, required: this.dpop.required === true, implies: this.o.implies }
  }

  private async refuse({ reason, until }: Refusal, dpop: boolean, demand: Demand): Promise<Response> {
    const answer = json(answers[reason].status, answers[reason], challenges(this.shape(), dpop, reason, demand))
    if (reason === 'nonce_needed') answer.headers.set('DPoP-Nonce', await currentNonce(this.dpop))
    if (until !== undefined) answer.headers.set('Retry-After', String(Math.max(1, Math.floor((until - Date.now()) / 1000) + 1)))
    return answer
  }

  /** Counts a request that is good and whose demand is met. */
  private async count(token: Token): Promise<void> {
    if (token.callLimit === undefined) return
    const agent = token.actors.at(-1)?.subject ?? token.clientId // the last actor is the agent, whoever it handed over to
    const key = [this.resource, agent, token.subject].join('\n')
    let counted: { calls: number; until: number }
    try {
      counted = await this.calls.count(key, token.callLimit.seconds)
    } catch (error) {
      throw new Refusal('unavailable', `count a call: ${error}`, { cause: error })
    }
    if (counted.calls <= token.callLimit.calls) return
    const refusal = new Refusal('too_many_calls', `until ${new Date(counted.until).toISOString()}`)
    refusal.until = counted.until
    throw refusal
  }

  private async credentials(request: Request): Promise<{ token: Token; sent: string }> {
    if (new URL(request.url).searchParams.has('access_token')) throw new Refusal('bad_request', 'the URL has an access token')
    const header = request.headers.get('authorization')
    if (header === null) throw new Refusal('no_token')
    if (header.includes(', ')) throw new Refusal('bad_request', 'several Authorization headers') // as Headers joins them
    const blank = header.indexOf(' ')
    if (!/^(bearer|dpop)$/i.test(header.slice(0, Math.max(0, blank)))) throw new Refusal('no_token', 'another scheme')
    const sent = header.slice(blank).replace(/^ +| +$/g, '')
    if (sent === '') throw new Refusal('no_token')
    if (sent.length > 16 << 10 || !token68.test(sent)) throw new Refusal('malformed', 'not the form of a token')
    return { token: await this.verified(sent), sent }
  }

  /** The token with all that does not depend on the rest of the request verified; remembered for a minute. */
  private async verified(sent: string): Promise<Token> {
    const key = await sha256(sent)
    const known = this.seen.get(key)
    const now = Date.now() / 1000
    if (known && now < known.until && now < known.token.expires + this.o.past!) {
      await this.current(known.places)
      if (this.asked?.always) await this.asked.about(sent)
      return known.token
    }
    if (this.asked && sent.split('.').length !== 3) return this.asked.about(sent) // not a JWT
    const token = await this.opened(sent, /^(application\/)?at\+jwt$/i)
    if (token.missing) throw new Refusal('malformed', 'sub, client_id, iat and jti are required')
    if (!this.isFor(token.audience)) {
      throw new Refusal('wrong_audience', token.audience.join().slice(0, 200))
    }
    let named: Place[]
    try {
      named = this.o.status?.off ? [] : places(token.claims)
    } catch (error) {
      throw new Refusal('malformed', String(error), { cause: error })
    }
    await this.current(named)
    if (this.seen.size >= 4096) this.seen.delete(this.seen.keys().next().value!) // the oldest
    this.seen.set(key, { token, until: now + 60, places: named })
    if (this.asked?.always) await this.asked.about(sent)
    return token
  }

  private isFor(audience: readonly string[]): boolean {
    return audience.some((aud) => this.o.audiences!.includes(aud))
  }

  /** A JWT that the issuer signed, of a type. */
  private async signed(sent: string, typ: RegExp): Promise<JWS> {
    let jws: JWS
    try {
      jws = split(sent)
    } catch (error) {
      throw new Refusal('malformed', String(error), { cause: error })
    }
    if (!this.o.algorithms!.includes(jws.alg)) throw new Refusal('wrong_algorithm', `alg is ${jws.alg.slice(0, 32)}`)
    if (!typ.test(jws.typ)) throw new Refusal('wrong_type', `typ is ${jws.typ.slice(0, 32)}`)
    if (jws.kid === '') throw new Refusal('unknown_key', 'the token names none')
    if (!(await signedBy(sent, jws.alg, await this.keys.find(jws.kid, jws.alg)))) throw new Refusal('wrong_signature')
    return jws
  }

  /** A JWT of the issuer, of a type, that is good now. */
  private async opened(sent: string, typ: RegExp): Promise<ReturnType<typeof parse>> {
    const token = parse(sent, (await this.signed(sent, typ)).payload)
    const now = Date.now() / 1000
    if (token.issuer !== this.issuer) throw new Refusal('wrong_issuer', token.issuer.slice(0, 200))
    if (Number.isNaN(token.expires)) throw new Refusal('malformed', 'no exp')
    if (now >= token.expires + this.o.past!) throw new Refusal('expired')
    if (Math.max(token.issued || 0, token.notBefore ?? 0) > now + this.o.ahead!) throw new Refusal('not_yet_valid')
    return token
  }

  /**
   * Receives a logout token for a client of the issuer, by which a service that has sessions of its own learns that one has ended (OpenID
   * Connect Back-Channel Logout 1.0): mount it at the client's backchannel_logout_uri. If end fails, the issuer tries again.
   */
  async logout(request: Request, clientId: string, end: End): Promise<Response> {
    const headers = { 'Cache-Control': 'no-store' }
    if (request.method !== 'POST') return new Response(null, { status: 405, headers: { ...headers, Allow: 'POST' } })
    try {
      const token = await this.opened(await logoutToken(request), /^(application\/)?logout\+jwt$/i)
      const { sub, sid } = loggedOut(token, clientId)
      const until = (token.expires + this.o.past! + 1) * 1000
      await this.endings.once(this.dpop.replay, clientId, token.id, until, () => end(sub, sid))
      return new Response(null, { headers })
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('bad_request', String(error), { cause: error })
      this.o.observe?.(refusal)
      const away = refusal.reason === 'unavailable'
      return Response.json({ error: away ? 'temporarily_unavailable' : 'invalid_request' }, { status: away ? 503 : 400, headers })
    }
  }

  /** Refuses a token that was revoked. */
  private async current(named: Place[]): Promise<void> {
    for (const place of named) {
      try {
        const value = await this.statuses.status(place)
        if (value !== 0) throw new Refusal('inactive', `its place in the status list says ${value}`)
      } catch (error) {
        if (!(this.o.status?.lenient && error instanceof Refusal && error.reason === 'unavailable')) throw error
      }
    }
  }

  /** Checks that the request comes from whom the token is bound to; gives a newer nonce, '' = none needed. */
  private async bound(request: Request, dpop: boolean, token: Token, sent: string, connection: Connection): Promise<string> {
    if ((token.jkt !== '') !== dpop) throw new Refusal('wrong_binding', dpop ? 'bound to no key, as DPoP' : 'bound to a key, as Bearer')
    if (token.x5t !== '') {
      const certificate = this.certificate(request, connection)
      if (!certificate || (await sha256(certificate)) !== token.x5t) throw new Refusal('wrong_binding', 'another certificate, or none')
    }
    if (token.jkt === '') return ''
    const address = this.origin + new URL(request.url).pathname
    return proven(this.dpop, request.headers.get('dpop'), request.method, address, sent, token.jkt)
  }

  /** The client's certificate, of the connection or, where a proxy is at its other end, of the header (RFC 9440, or escaped PEM). */
  private certificate(request: Request, connection: Connection): Uint8Array<ArrayBuffer> | undefined {
    if (connection.remote === undefined || !this.o.proxy?.trusted(connection.remote)) return connection.certificate
    const value = request.headers.get(this.o.proxy.header)?.trim() ?? ''
    if (value.length > 16 << 10) return undefined
    try {
      const pem = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/.exec(decodeURIComponent(value))
      const base64 = /^:([A-Za-z0-9+/=]+):$/.exec(value)?.[1] ?? pem?.[1]?.replaceAll(/\s/g, '')
      return base64 === undefined ? undefined : fromBase64(base64)
    } catch {
      return undefined
    }
  }

  private enough(has: readonly string[], scope: string): boolean {
    return has.some((h) => h === scope || this.o.implies?.(h, scope) === true)
  }

  private demanded(token: Token, d: Demand): void {
    if (token.jkt === '' && (this.dpop.required || (d.bound && token.x5t === ''))) throw new Refusal('wrong_binding', 'bound to nothing')
    const missing = d.scopes?.find((s) => !this.enough(token.scopes, s))
    if (missing !== undefined) throw new Refusal('missing_scope', missing)
    if (d.anyScope?.length && !d.anyScope.some((s) => this.enough(token.scopes, s))) throw new Refusal('missing_scope', d.anyScope.join())
    if (d.maxAge !== undefined && !(Date.now() / 1000 - (token.signedIn ?? -Infinity) <= d.maxAge)) {
      throw new Refusal('weak_sign_in', `signed in at ${token.signedIn}`)
    }
    if (d.acr?.length && !d.acr.includes(token.acr)) throw new Refusal('weak_sign_in', `acr is ${token.acr.slice(0, 64)}`)
  }

  /** Serves the API's metadata (RFC 9728): mount it at the path of metadataURL, for GET and OPTIONS. */
  metadata(request: Request): Response {
    const headers = { 'Access-Control-Allow-Origin': '*', 'Cache-Control': 'public, max-age=300' }
    if (request.method === 'OPTIONS') {
      return new Response(null, { status: 204, headers: { ...headers, 'Access-Control-Allow-Methods': 'GET',
        'Access-Control-Allow-Headers': request.headers.get('access-control-request-headers') ?? 'authorization' } })
    }
    const d = this.o.document ?? {}
    return Response.json({ resource: this.resource, authorization_servers: [this.issuer],
      scopes_supported: d.scopes?.length ? d.scopes : undefined, bearer_methods_supported: ['header'],
      resource_name: d.name, resource_documentation: d.documentation, resource_policy_uri: d.policy,
      resource_tos_uri: d.terms, dpop_signing_alg_values_supported: proofAlgorithms,
      dpop_bound_access_tokens_required: this.dpop.required || undefined,
      tls_client_certificate_bound_access_tokens: d.certificateBound || undefined }, { headers })
  }

  /** Scopes that a client has to ask for to meet a demand. */
  scopesFor(demand: Demand): string[] {
    return needed(demand, this.o.implies)
  }
}
