import { compactVerify, type CryptoKey, type JWK } from 'jose'

/** A JWS in parts, before anything of it is known to be true. */
export interface JWS {
  alg: string
  typ: string
  kid: string
  jwk?: JWK // of proofs alone
  payload: string
}

export const token68 = /^[A-Za-z0-9\-._~+/]+=*$/
const base64url = /^[A-Za-z0-9_-]*$/
const text = new TextDecoder()

/** Reads base64url without padding; throws if it is something else. */
export function decode(part: string): Uint8Array<ArrayBuffer> {
  if (!base64url.test(part) || part.length % 4 === 1) throw new Error('not base64url')
  return fromBase64(part.replaceAll('-', '+').replaceAll('_', '/'))
}

export function fromBase64(value: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(value), (c) => c.charCodeAt(0))
}

export function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

export async function sha256(value: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value
  return encode(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}

/** Reads a JSON object in which no name comes twice: of two readers one would take the first, the other the last. */
export function object(json: string): Record<string, unknown> {
  const value: unknown = JSON.parse(json)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object')
  const open: (Set<string> | null)[] = [] // the names of the objects that are open; null = a list
  let name: string | undefined
  for (const [part] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs)) {
    if (part === '{' || part === '[') open.push(part === '{' ? new Set() : null)
    else if (part === '}' || part === ']') open.pop()
    else if (part[0] === '"') name = part
    else if (part === ':' && name !== undefined) {
      const names = open.at(-1)
      const plain = JSON.parse(name) as string
      if (names?.has(plain)) throw new Error('a name comes twice')
      names?.add(plain)
    }
  }
  return value as Record<string, unknown>
}

/** A member that is a text, '' if it is not there; throws if it is something else. */
export function string(of: Record<string, unknown>, name: string): string {
  const value = of[name] ?? ''
  if (typeof value !== 'string') throw new Error(`${name} is no text`)
  return value
}

/** Reads the compact form (RFC 7515 section 7.1). What the header says of keys is not looked at, but for jwk of proofs. */
export function split(compact: string): JWS {
  const parts = compact.split('.')
  if (parts.length !== 3 || !token68.test(compact)) throw new Error('not a JWS of three parts')
  const header = object(text.decode(decode(parts[0]!)))
  const jws = { alg: string(header, 'alg'), typ: string(header, 'typ'), kid: string(header, 'kid'), jwk: header.jwk as JWK | undefined,
    payload: text.decode(decode(parts[1]!)) }
  decode(parts[2]!)
  if (jws.alg === '' || 'crit' in header || 'b64' in header || 'zip' in header) {
    throw new Error('a header without alg, or with crit, b64 or zip')
  }
  return jws
}

/** Verifies the signature with a key that fits the algorithm. */
export async function signedBy(compact: string, alg: string, key: CryptoKey | Uint8Array): Promise<boolean> {
  try {
    await compactVerify(compact, key, { algorithms: [alg] })
    return true
  } catch {
    return false
  }
}

const curves: Record<string, string> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }

/** Reports whether signatures of the algorithm can be verified with the key: never by what the token alone says of it. */
export function fits(jwk: JWK, alg: string, mostBits = 8192): boolean {
  if (jwk.alg !== undefined && jwk.alg !== alg) return false
  switch (jwk.kty) {
    case 'EC':
      return jwk.crv !== undefined && curves[jwk.crv] === alg
    case 'OKP':
      return jwk.crv === 'Ed25519' && alg === 'EdDSA'
    case 'RSA': {
      const bits = rsaBits(jwk.n)
      return bits >= 2048 && bits <= mostBits && /^[RP]S(256|384|512)$/.test(alg)
    }
  }
  return false
}

function rsaBits(n: unknown): number {
  if (typeof n !== 'string' || !base64url.test(n) || n.length % 4 === 1) return 0
  const bytes = decode(n)
  const first = bytes.findIndex((b) => b !== 0)
  return first < 0 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first]!) + 24
}
