import { importJWK, type CryptoKey, type JWK } from 'jose'
import { fits, object } from './jws.js'
import { Refusal } from './reason.js'

const pause = 30_000 // between two fetches, whatever tokens come
const renewal = 600_000 // after which keys are fetched again, beside the requests
const most = 256 << 10 // bytes of an answer of the issuer

/** Addresses that nobody on the way can answer for. */
export function safe(raw: string): boolean {
  try {
    const url = new URL(raw)
    const local = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
    return !url.hash && !url.username && (url.protocol === 'https:' || (url.protocol === 'http:' && local))
  } catch {
    return false
  }
}

/**
 * The keys of an issuer. Tokens with made-up key ids cause one fetch in 30 seconds at most, and one at a time; while the issuer cannot be
 * reached, the keys of before are used.
 */
export class KeySet {
  private keys?: Map<string, { jwk: JWK; key?: Promise<CryptoKey | Uint8Array> }[]>
  private got = 0
  private tried = -Infinity
  private failed = 0
  private error?: unknown
  private flight?: Promise<void>
  private address?: string
  private known?: Record<string, unknown>

  constructor(private readonly issuer: string, private readonly jwks: string | undefined, private readonly stale: number,
    private readonly fetch: typeof globalThis.fetch) {}

  async find(kid: string, alg: string): Promise<CryptoKey | Uint8Array> {
    const found = this.look(kid, alg)
    if (found !== undefined) {
      if (Date.now() - this.got >= renewal) this.start()
      return found
    }
    this.start()
    if (this.flight) {
      await this.flight
      const key = this.look(kid, alg)
      if (key !== undefined) return key
    }
    if (!this.usable() || this.error !== undefined) { // what cannot be known is no fault of the token
      throw new Refusal('unavailable', `keys of the issuer: ${this.error}`, { cause: this.error })
    }
    throw new Refusal('unknown_key', `kid ${JSON.stringify(kid.slice(0, 64))} with alg ${alg}`)
  }

  private usable(): boolean {
    return this.keys !== undefined && Date.now() - this.got < this.stale
  }

  private look(kid: string, alg: string): Promise<CryptoKey | Uint8Array> | undefined {
    if (!this.usable()) return undefined
    const entry = this.keys?.get(kid)?.find((k) => fits(k.jwk, alg))
    if (!entry) return undefined
    const read = () => importJWK(entry.jwk, alg).catch((error) => {
      throw new Refusal('unknown_key', `the key cannot be read: ${error}`, { cause: error })
    })
    return entry.jwk.alg === undefined ? read() : (entry.key ??= read())
  }

  /** An issuer that was never reached is asked after 1, 2, 4 and 8 seconds, so that the API serves soon after it. */
  private start(): void {
    const now = Date.now()
    const wait = this.keys === undefined && this.failed < 5 ? (1000 << this.failed) / 2 : pause
    if (this.flight || now - this.tried < wait) return
    this.tried = now
    this.flight = this.load().then(
      (keys) => {
        this.keys = keys
        this.got = Date.now()
        this.failed = 0
        this.error = undefined
      },
      (error) => {
        this.failed++
        this.error = error ?? 'no answer'
        this.address = this.known = undefined // it may have moved
      },
    ).finally(() => { this.flight = undefined })
  }

  private async load() {
    this.address ??= this.jwks ?? (await this.discover())
    const set = await this.get(this.address)
    if (!Array.isArray(set.keys)) throw new Error('the issuer has no keys')
    const keys = new Map<string, { jwk: JWK }[]>()
    for (const jwk of set.keys.slice(0, 100) as JWK[]) {
      if (typeof jwk?.kid !== 'string' || jwk.kid === '' || 'd' in jwk || 'k' in jwk || (jwk.use ?? 'sig') !== 'sig') continue
      keys.set(jwk.kid, [...(keys.get(jwk.kid) ?? []), { jwk }])
    }
    if (keys.size === 0) throw new Error('the issuer has no keys')
    return keys
  }

  /** Where the issuer answers what is asked about tokens. */
  async introspection(): Promise<string> {
    const address = (await this.document()).introspection_endpoint
    if (typeof address !== 'string' || !safe(address)) throw new Error('the issuer has no introspection endpoint')
    return address
  }

  private async discover(): Promise<string> {
    return (await this.document()).jwks_uri as string
  }

  /** The issuer's discovery document, read once. */
  private async document(): Promise<Record<string, unknown>> {
    if (this.known) return this.known
    const found = await this.get(this.issuer.replace(/\/$/, '') + '/.well-known/openid-configuration')
    if (found.issuer !== this.issuer) throw new Error(`the discovery document is of the issuer ${String(found.issuer)}`)
    if (typeof found.jwks_uri !== 'string' || !safe(found.jwks_uri)) throw new Error('jwks_uri must be an https URL')
    this.known = found
    return found
  }

  private async get(address: string): Promise<Record<string, unknown>> {
    return object(await fetched(this.fetch, address, 'application/json'))
  }
}

/** Gets what the issuer has at an address: only 200 with a body of bounded size is an answer. */
export async function fetched(fetch: typeof globalThis.fetch, address: string, accept: string,
  post?: { body: URLSearchParams; headers: Record<string, string> }): Promise<string> {
  const answer = await fetch(address, { ...(post && { method: 'POST', body: post.body }), headers: { accept, ...post?.headers },
    redirect: 'manual', signal: AbortSignal.timeout(5000) })
  if (answer.status !== 200) throw new Error(`${address} answers ${answer.status}`)
  let body = ''
  const text = new TextDecoder()
  const reader = answer.body?.getReader()
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    body += text.decode(part.value, { stream: true })
    if (body.length > most) throw new Error(`${address} answers with too much`)
  }
  return body
}
