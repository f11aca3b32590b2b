/** Why a request is refused, as one word for logs and metrics: the same words as in the Go kit. */
export type Reason =
  | 'no_token' | 'bad_request' | 'malformed' | 'wrong_type' | 'wrong_algorithm' | 'unknown_key' | 'wrong_signature' | 'wrong_issuer'
  | 'wrong_audience' | 'expired' | 'not_yet_valid' | 'wrong_binding' | 'wrong_proof' | 'nonce_needed' | 'replayed' | 'inactive'
  | 'missing_scope' | 'weak_sign_in' | 'too_many_calls' | 'unavailable'

/** A refusal. The message is for the log; callers see the standard's code and a fixed sentence. */
export class Refusal extends Error {
  /** When to try again, in milliseconds since 1970: of too_many_calls. */
  until?: number

  constructor(readonly reason: Reason, message: string = reason, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Refusal'
  }
}

const invalid = (says: string) => ({ status: 401, code: 'invalid_token', says })

/** What the caller of a refused request sees. */
export const answers: Record<Reason, { status: number; code: string; says: string }> = {
  no_token: { status: 401, code: '', says: 'Send an access token.' },
  bad_request: { status: 400, code: 'invalid_request', says: 'Send one access token, in the Authorization header.' },
  malformed: invalid('The access token is malformed.'),
  wrong_type: invalid('The token is not an access token.'),
  wrong_algorithm: invalid('The access token is not valid.'),
  unknown_key: invalid('The access token is not valid.'),
  wrong_signature: invalid('The access token is not valid.'),
  wrong_issuer: invalid('The access token is not valid.'),
  wrong_audience: invalid('The access token is for another resource.'),
  expired: invalid('The access token has expired.'),
  not_yet_valid: invalid('The access token is not valid yet.'),
  wrong_binding: invalid('The access token is not valid for the key of this request.'),
  wrong_proof: { status: 401, code: 'invalid_dpop_proof', says: 'The DPoP proof is not valid for this request.' },
  nonce_needed: { status: 401, code: 'use_dpop_nonce', says: 'Send a DPoP proof with the nonce of the header DPoP-Nonce.' },
  replayed: { status: 401, code: 'invalid_dpop_proof', says: 'The DPoP proof was used before.' },
  inactive: invalid('The access token is not active.'),
  missing_scope: { status: 403, code: 'insufficient_scope', says: 'The access token lacks a scope.' },
  weak_sign_in: { status: 401, code: 'insufficient_user_authentication', says: 'Another sign-in is needed.' },
  too_many_calls: { status: 429, code: 'too_many_calls', says: 'The agent may not call so often. Wait as Retry-After says.' },
  unavailable: { status: 503, code: 'temporarily_unavailable', says: 'Try again in a moment.' },
}
