import { calculateJwkThumbprint, importJWK } from 'jose'
import { encode, fits, object, sha256, signedBy, split, string } from './jws.js'
import { Refusal } from './reason.js'
import { time } from './token.js'

/** Remembers what may happen once. */
export interface Replay {
  /** Reports whether the key is new, and remembers it until then (milliseconds since 1970). Of several callers at a time one gets true. */
  once(key: string, until: number): boolean | Promise<boolean>
}

/** How proofs of possession are taken (RFC 9449). */
export interface DPoP {
  /** Refuses tokens that are bound to no key. */
  required?: boolean
  /** Age of a proof in seconds (60). */
  maxAge?: number
  /** For all replicas of the API together; left out: in memory, for this process alone. */
  replay?: Replay
  /** Make nonces, the same for all replicas; the first makes them, all are taken. 32 bytes at least each. */
  nonceKeys?: Uint8Array<ArrayBuffer>[]
}

export const proofAlgorithms = ['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'EdDSA']
const window = 120 // seconds of a nonce; the one before and the one after are taken, too

/** The memory of one process. Keys are forgotten by their time alone; once it is full nothing new is taken. */
export class Proofs implements Replay {
  private readonly slots = new Map<number, Set<string>>()
  private n = 0

  once(key: string, until: number): boolean {
    const now = Math.floor(Date.now() / 120_000)
    for (const [number, keys] of this.slots) {
      if (number < now) {
        this.n -= keys.size
        this.slots.delete(number)
      } else if (keys.has(key)) return false
    }
    if (this.n >= 1 << 20) throw new Error('too many proofs')
    const number = Math.floor(until / 120_000)
    const keys = this.slots.get(number) ?? new Set()
    this.slots.set(number, keys.add(key))
    this.n++
    return true
  }
}

async function makeNonce(key: Uint8Array<ArrayBuffer>, number: number): Promise<string> {
  const hmac = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const counter = new DataView(new ArrayBuffer(8))
  counter.setBigUint64(0, BigInt(number))
  return encode(new Uint8Array(await crypto.subtle.sign('HMAC', hmac, counter.buffer)).subarray(0, 18))
}

const now = () => Math.floor(Date.now() / 1000)

export async function currentNonce(o: DPoP): Promise<string> {
  return o.nonceKeys?.[0] ? makeNonce(o.nonceKeys[0], Math.floor(now() / window)) : ''
}

/** Checks a nonce; gives a newer one in its place if it is about to end, '' if not. */
async function judgeNonce(o: DPoP, nonce: string): Promise<string> {
  if (!o.nonceKeys?.length) return ''
  const current = await currentNonce(o)
  for (const key of o.nonceKeys) {
    for (const ahead of [-1, 0, 1]) {
      if (nonce === (await makeNonce(key, Math.floor(now() / window) + ahead))) return nonce === current ? '' : current
    }
  }
  throw new Refusal('nonce_needed')
}

/** Checks a request's proof (RFC 9449 section 4.3), and remembers it once all else is in order; gives a newer nonce, '' = none needed. */
export async function proven(o: DPoP & { replay: Replay; ahead: number }, sent: string | null, method: string, address: string,
  token: string, jkt: string): Promise<string> {
  const p = await readProof(sent).catch((error) => {
    throw new Refusal('wrong_proof', String(error), { cause: error })
  })
  if (p.thumbprint !== jkt) throw new Refusal('wrong_binding', 'the proof is of another key than the token')
  const age = o.maxAge ?? 60
  const wrong =
    p.jti === '' || new TextEncoder().encode(p.jti).length > 256 ? 'jti'
      : p.htm !== method ? `htm is ${p.htm.slice(0, 32)}`
        : normal(p.htu) === undefined || normal(p.htu) !== normal(address) ? `htu is ${p.htu.slice(0, 200)}, not ${address}`
          : p.ath !== (await sha256(token)) ? 'ath'
            : p.iat === undefined || p.iat < now() - age || p.iat > now() + o.ahead ? 'iat is too far from now'
              : (p.exp !== undefined && p.exp <= now()) || (p.nbf !== undefined && p.nbf > now() + o.ahead) ? 'not valid at this time'
                : ''
  if (wrong) throw new Refusal('wrong_proof', wrong)
  const nonce = await judgeNonce(o, p.nonce)
  let fresh: boolean
  try {
    fresh = await o.replay.once(await sha256(`${jkt}\0${p.jti}`), (now() + age + 2 * o.ahead) * 1000)
  } catch (error) {
    throw new Refusal('unavailable', `remember the proof: ${error}`, { cause: error })
  }
  if (!fresh) throw new Refusal('replayed')
  return nonce
}

async function readProof(sent: string | null) {
  if (sent === null || sent.length > 8 << 10) throw new Error('no proof, or one that is too long')
  const jws = split(sent)
  if (jws.typ !== 'dpop+jwt') throw new Error(`typ is ${jws.typ.slice(0, 32)}`)
  if (!proofAlgorithms.includes(jws.alg)) throw new Error(`alg is ${jws.alg.slice(0, 32)}`)
  const jwk = jws.jwk
  if (typeof jwk !== 'object' || jwk === null || 'd' in jwk || 'k' in jwk || !fits(jwk, jws.alg, 4096)) {
    throw new Error('jwk is not a public key that fits alg')
  }
  if (jwk.kty === 'RSA' && jwk.e !== 'AQAB') throw new Error('jwk has an unusual exponent') // anybody can send one that takes long
  if (!(await signedBy(sent, jws.alg, await importJWK(jwk, jws.alg)))) throw new Error('the signature is wrong')
  const c = object(jws.payload)
  return { thumbprint: await calculateJwkThumbprint(jwk, 'sha256'), jti: string(c, 'jti'), htm: string(c, 'htm'), htu: string(c, 'htu'),
    ath: string(c, 'ath'), nonce: string(c, 'nonce'), iat: time(c, 'iat'), exp: time(c, 'exp'), nbf: time(c, 'nbf') }
}

/** An address in the spelling that proofs are compared by (RFC 3986 sections 6.2.2 and 6.2.3); undefined: it is none. */
export function normal(raw: string): string | undefined {
  if (raw.length > 2048 || !/^https?:\/\/[^/?#]/i.test(raw)) return undefined
  let url: URL
  try {
    url = new URL(raw)
  } catch {
    return undefined
  }
  if (url.username || url.password || raw.split(/[/?#]/)[2]!.includes('@')) return undefined
  const path = url.pathname.replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const c = String.fromCharCode(parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(c) ? c : escape.toUpperCase()
  })
  return url.origin + path
}
