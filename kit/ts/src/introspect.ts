import { importJWK, type JWK, SignJWT } from 'jose'
import { object, sha256, string } from './jws.js'
import { fetched, type KeySet, safe } from './keys.js'
import { Refusal } from './reason.js'
import { parse, time, type Token } from './token.js'

/**
 * Asks the issuer about tokens (RFC 7662): about those that are not JWTs, or about all. The issuer must allow the client to ask: at Signet,
 * introspected_by of the resource names it.
 */
export interface Introspection {
  /** The client that asks; it proves itself by its secret, or by a private key with alg and kid (private_key_jwt). */
  clientId: string
  secret?: string
  key?: JWK
  /** Of the issuer; left out, its discovery document says it. */
  endpoint?: string
  /** Asks about JWTs, too: a token that was revoked is refused after ten seconds at most, for the price of a call. */
  always?: boolean
  /** Wants each answer signed by the issuer, and takes no other (RFC 9701): for who does not trust what is between the two. */
  signed?: boolean
}

/** What an API compares answers with. */
export interface Asker {
  issuer: string
  ahead: number
  past: number
  fetch: typeof globalThis.fetch
  keys: KeySet
  mine: (audience: readonly string[]) => boolean
  /** A JWT of the issuer, of a type; no more of it is verified. */
  opened: (sent: string, typ: RegExp) => Promise<string>
}

// How long an answer counts, in seconds.
const keepActive = 10
const keepInactive = 5
const oldAnswer = 60 // a signed answer of before is none
const most = 4096
const mostAtOnce = 16

type Inform = { token?: Token; refusal?: Refusal; until: number }

/** The answers of the introspection endpoint. */
export class Introspections {
  private readonly known = new Map<string, Inform>()
  private readonly waiting: (() => void)[] = []
  private busy = 0

  constructor(private readonly o: Introspection, private readonly a: Asker) {
    const check = (good: boolean, why: string) => { if (!good) throw new TypeError(`kit: introspection ${why}`) }
    check(o.clientId !== '' && (o.secret === undefined || o.secret === '') !== (o.key === undefined), 'needs clientId, and secret or key')
    check(o.key === undefined || (typeof o.key.alg === 'string' && 'd' in o.key), 'key must be a private key with alg')
    check(o.endpoint === undefined || safe(o.endpoint), 'endpoint must be an https URL')
  }

  get always(): boolean { return this.o.always === true }

  /** What the issuer says of a token; throws what refuses it. */
  async about(sent: string): Promise<Token> {
    const key = await sha256(sent)
    let known = this.known.get(key)
    if (!known || Date.now() / 1000 >= known.until) {
      if (this.busy >= mostAtOnce) await new Promise<void>((go) => { this.waiting.push(go) })
      else this.busy++
      try {
        known = await this.judged(sent)
      } finally {
        const next = this.waiting.shift()
        if (next) next()
        else this.busy--
      }
      this.known.delete(key)
      if (this.known.size >= most) this.known.delete(this.known.keys().next().value!) // the oldest
      this.known.set(key, known)
    }
    if (known.refusal) throw known.refusal
    return known.token!
  }

  private async judged(sent: string): Promise<Inform> {
    let says: string
    try {
      says = await this.ask(sent)
    } catch (error) {
      throw new Refusal('unavailable', `introspection: ${error}`, { cause: error })
    }
    const now = Date.now() / 1000
    try {
      const token = this.answered(sent, says)
      return { token, until: Math.min(now + keepActive, Number.isNaN(token.expires) ? Infinity : token.expires) }
    } catch (error) {
      return { refusal: error as Refusal, until: now + keepInactive }
    }
  }

  /** The body of the endpoint's answer. */
  private async ask(sent: string): Promise<string> {
    const endpoint = this.o.endpoint ?? (await this.a.keys.introspection())
    const body = new URLSearchParams({ token: sent, token_type_hint: 'access_token' })
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }
    if (this.o.key) {
      body.set('client_id', this.o.clientId)
      body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
      body.set('client_assertion', await this.assertion(this.o.key))
    } else {
      const part = (s: string) => new URLSearchParams({ '': s }).toString().slice(1) // RFC 6749 section 2.3.1
      headers.authorization = `Basic ${btoa(`${part(this.o.clientId)}:${part(this.o.secret!)}`)}`
    }
    const accept = this.o.signed ? 'application/token-introspection+jwt' : 'application/json'
    const answer = await fetched(this.a.fetch, endpoint, accept, { body, headers })
    return this.o.signed ? this.unsigned(answer.trim()) : answer
  }

  /** Proves the client by its key (RFC 7523 section 2.2), for the issuer and for a minute. */
  private async assertion(key: JWK): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({ jti: crypto.randomUUID() }).setProtectedHeader({ alg: key.alg!, typ: 'JWT', ...(key.kid && { kid: key.kid }) })
      .setIssuer(this.o.clientId).setSubject(this.o.clientId).setAudience(this.a.issuer).setIssuedAt(now).setExpirationTime(now + 60)
      .sign(await importJWK(key, key.alg))
  }

  /** The answer that is in a signed one (RFC 9701 section 5): of the issuer, for this client, and of now. */
  private async unsigned(sent: string): Promise<string> {
    const c = object(await this.a.opened(sent, /^(application\/)?token-introspection\+jwt$/i))
    const audience = typeof c.aud === 'string' ? [c.aud] : Array.isArray(c.aud) ? c.aud : []
    const age = Date.now() / 1000 - (time(c, 'iat') ?? NaN)
    if (string(c, 'iss') !== this.a.issuer || !audience.includes(this.o.clientId)) throw new Error('the signed answer is of or for another')
    if (!(age <= oldAnswer + this.a.past && age >= -this.a.ahead)) throw new Error('the signed answer is not of now')
    return JSON.stringify(c.token_introspection ?? null)
  }

  /** Judges an answer as the claims of a token. One without token_type is about a refresh token. */
  private answered(sent: string, says: string): Token {
    let active: unknown
    let type: string
    try {
      const c = object(says)
      active = c.active ?? false
      type = string(c, 'token_type')
      if (typeof active !== 'boolean') throw new Error('active is neither true nor false')
    } catch (error) {
      throw new Refusal('unavailable', `introspection: ${error}`, { cause: error })
    }
    if (!active) throw new Refusal('inactive')
    const token = parse(sent, says)
    if (type === '') throw new Refusal('wrong_type', 'a refresh token')
    if (token.issuer !== '' && token.issuer !== this.a.issuer) throw new Refusal('wrong_issuer', token.issuer.slice(0, 200))
    if (!this.a.mine(token.audience)) throw new Refusal('wrong_audience', token.audience.join().slice(0, 200))
    if (Date.now() / 1000 >= token.expires + this.a.past) throw new Refusal('expired') // without exp: never
    return token
  }
}
