import { proofAlgorithms } from './dpop.js'
import { answers, type Reason } from './reason.js'

/** What a handler wants of a token beyond being good: all of it. */
export interface Demand {
  /** All of them. */
  scopes?: string[]
  /** One of them; the first is the one that refused clients are told to ask for. */
  anyScope?: string[]
  /** The person signed in not longer ago, in seconds (RFC 9470). */
  maxAge?: number
  /** A sign-in of one of the classes (RFC 9470). */
  acr?: string[]
  /** Bound to a key or certificate of the client. */
  bound?: boolean
}

export function json(status: number, answer: { code: string; says: string }, challenge: string[]): Response {
  const headers = new Headers({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  if (status === 401 || status === 403) for (const c of challenge) headers.append('WWW-Authenticate', c)
  if (status === 503) headers.set('Retry-After', '5')
  const body = { ...(answer.code ? { error: answer.code } : {}), error_description: answer.says }
  return new Response(JSON.stringify(body) + '\n', { status, headers })
}

/** All scopes that a demand needs, not only those that a token lacks. */
export function needed(d: Demand, implies?: (has: string, needs: string) => boolean): string[] {
  const scopes = [...new Set(d.scopes ?? [])]
  if (d.anyScope?.length && !d.anyScope.some((s) => scopes.some((h) => h === s || implies?.(h, s)))) scopes.push(d.anyScope[0]!)
  return scopes
}

/** One challenge for each scheme that would do, that of the request first; it has the error (RFC 6750 section 3, RFC 9449 section 7.1). */
export function challenges(api: { metadata: string; required: boolean; implies?: (has: string, needs: string) => boolean }, dpop: boolean,
  reason: Reason, d: Demand): string[] {
  const { code, says } = answers[reason]
  const params: [string, string][] = []
  if (code) params.push(['error', code], ['error_description', says])
  const scopes = needed(d, api.implies)
  if (scopes.length > 0 && (code === '' || code === 'insufficient_scope')) params.push(['scope', scopes.join(' ')])
  if (reason === 'weak_sign_in') {
    if (d.acr?.length) params.push(['acr_values', d.acr.join(' ')])
    if (d.maxAge !== undefined) params.push(['max_age', String(Math.floor(d.maxAge))])
  }
  const where: [string, string][] = [['resource_metadata', api.metadata]]
  const proofs: [string, string][] = [...where, ['algs', proofAlgorithms.join(' ')]]
  if (api.required) return [challenge('DPoP', [...params, ...proofs])]
  if (dpop) return [challenge('DPoP', [...params, ...proofs]), challenge('Bearer', where)]
  return [challenge('Bearer', [...params, ...where]), challenge('DPoP', proofs)]
}

function challenge(scheme: string, params: [string, string][]): string {
  const quoted = (s: string) => s.replace(/[^ -~]/g, '').replace(/[\\"]/g, '\\$&')
  return `${scheme} ${params.map(([name, value]) => `${name}="${quoted(value)}"`).join(', ')}`
}
