import { type CallLimit, limit } from './calls.js'
import { object, string } from './jws.js'
import { Refusal } from './reason.js'

/** Somebody who acts for the subject of a token. */
export interface Actor { issuer: string; subject: string; clientId: string }

/** An access token that was verified. */
export interface Token {
  readonly token: string
  readonly issuer: string
  /** The person, or the client itself where nobody signed in. */
  readonly subject: string
  readonly clientId: string
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  readonly id: string
  /** Seconds since 1970, as in the token. */
  readonly issued: number
  readonly expires: number
  /** When the person signed in; undefined: the token does not say. */
  readonly signedIn?: number
  readonly acr: string
  /** Who acts for the subject, the present one first (RFC 8693 section 4.1). */
  readonly actors: readonly Actor[]
  /** How often the agent that acts may call, as authorize counts; undefined: as often as it likes. */
  readonly callLimit?: CallLimit
  /** Signet's name of the grant; '' = none. */
  readonly grantId: string
  /** Thumbprints of the key and of the certificate that the token is bound to; '' = none. */
  readonly jkt: string
  readonly x5t: string
  /** All claims. */
  readonly claims: Readonly<Record<string, unknown>>
}

export function time(of: Record<string, unknown>, name: string): number | undefined {
  const value = of[name] ?? undefined
  if (value !== undefined && (typeof value !== 'number' || Math.abs(value) > 2 ** 53)) throw new Error(`${name} is no time`)
  return value
}

function strings(of: Record<string, unknown>, name: string): string[] {
  const value = of[name] ?? []
  if (!Array.isArray(value) || value.some((v) => typeof v !== 'string')) throw new Error(`${name} is no list of texts`)
  return value
}

/** Reads claims strictly: a name that comes twice, or a value of another type, makes the token malformed. */
export function parse(token: string, payload: string): Token & { notBefore?: number; missing: boolean } {
  try {
    const c = object(payload)
    const actors: Actor[] = []
    for (let act = c.act ?? undefined; act !== undefined; act = (act as Record<string, unknown>).act ?? undefined) {
      if (typeof act !== 'object' || Array.isArray(act)) throw new Error('act is no object')
      const of = act as Record<string, unknown>
      actors.push({ issuer: string(of, 'iss'), subject: string(of, 'sub'), clientId: string(of, 'client_id') })
    }
    for (const name of ['amr', 'groups', 'roles']) strings(c, name)
    const issued = time(c, 'iat')
    const expires = time(c, 'exp')
    return { token, claims: c, issuer: string(c, 'iss'), subject: string(c, 'sub'), clientId: string(c, 'client_id'), id: string(c, 'jti'),
      audience: typeof c.aud === 'string' ? [c.aud] : strings(c, 'aud'), scopes: string(c, 'scope').split(' ').filter((s) => s !== ''),
      acr: string(c, 'acr'), grantId: string(c, 'grant_id'),
      callLimit: limit(c.call_limit), actors, issued: issued ?? NaN, expires: expires ?? NaN, signedIn: time(c, 'auth_time'),
      notBefore: time(c, 'nbf'), missing: !c.sub || !c.client_id || !c.jti || issued === undefined, ...confirmation(c.cnf) }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('malformed', String(error), { cause: error })
  }
}

/** Reads cnf (RFC 7800). Of a way to confirm that we do not know, nobody can say that it was confirmed. */
function confirmation(cnf: unknown): { jkt: string; x5t: string } {
  const bound = { jkt: '', x5t: '' }
  if (cnf === undefined) return bound
  if (cnf !== null && (typeof cnf !== 'object' || Array.isArray(cnf))) throw new Error('cnf is no object')
  const members = Object.entries(cnf ?? {})
  if (members.length === 0) throw new Refusal('wrong_binding', 'cnf is empty')
  for (const [name, value] of members) {
    if (name !== 'jkt' && name !== 'x5t#S256') throw new Refusal('wrong_binding', `cnf has ${name.slice(0, 64)}`)
    if (typeof value !== 'string' || value === '') throw new Error(`${name} of cnf is no text`)
    bound[name === 'jkt' ? 'jkt' : 'x5t'] = value
  }
  return bound
}
