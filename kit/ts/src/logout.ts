import type { Replay } from './dpop.js'
import { sha256 } from './jws.js'
import { Refusal } from './reason.js'
import type { Token } from './token.js'

const event = 'http://schemas.openid.net/event/backchannel-logout'
const most = 32 << 10 // bytes of a request
const kept = 4096

/** Ends the session sid, or, if sid is '', all of the person sub. */
export type End = (sub: string, sid: string) => void | Promise<void>

/** The one logout token of a request. */
export async function logoutToken(request: Request): Promise<string> {
  let form = ''
  const text = new TextDecoder()
  const reader = request.body?.getReader()
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    form += text.decode(part.value, { stream: true })
    if (form.length > most) throw new Refusal('bad_request', 'more than is read')
  }
  const sent = new URLSearchParams(form).getAll('logout_token')
  if (sent.length !== 1 || sent[0] === '' || sent[0]!.length > 16 << 10) throw new Refusal('bad_request', 'one logout_token is needed')
  return sent[0]!
}

/** Whose session a logout token ends (OpenID Connect Back-Channel Logout 1.0 section 2.6). */
export function loggedOut(token: Token, clientId: string): { sub: string; sid: string } {
  if (!token.audience.includes(clientId)) throw new Refusal('wrong_audience', token.audience.join().slice(0, 200))
  const { sid = '', events, nonce } = token.claims as { sid?: unknown; events?: Record<string, unknown> | null; nonce?: unknown }
  const about = events !== null && typeof events === 'object' ? events[event] : undefined
  const nobody = typeof sid !== 'string' || (token.subject === '' && sid === '')
  if (nobody || Number.isNaN(token.issued) || token.id === '' || nonce !== undefined || about === null || typeof about !== 'object' ||
    Array.isArray(about)) {
    throw new Refusal('malformed', 'not the claims of a logout token')
  }
  return { sub: token.subject, sid }
}

/**
 * Ends sessions, for each logout token once: whoever gets hold of one must not end later sessions with it. Where ending failed the token
 * may come again.
 */
export class Endings {
  private readonly failed = new Map<string, number>()

  async once(replay: Replay, clientId: string, jti: string, until: number, end: () => void | Promise<void>): Promise<void> {
    const key = await sha256(`logout\0${clientId}\0${jti}`)
    for (const [one, over] of this.failed) if (over < Date.now()) this.failed.delete(one)
    let fresh: boolean
    try {
      fresh = await replay.once(key, until)
    } catch (error) {
      throw new Refusal('unavailable', `remember a logout token: ${error}`, { cause: error })
    }
    if (!fresh && !this.failed.delete(key)) throw new Refusal('replayed', 'the logout token')
    try {
      await end()
    } catch (error) {
      if (this.failed.size >= kept) this.failed.delete(this.failed.keys().next().value!) // the oldest
      this.failed.set(key, until)
      throw new Refusal('unavailable', `end a session: ${error}`, { cause: error })
    }
  }
}
