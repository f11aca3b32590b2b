/** What every call takes. */
export interface Ask { signal?: AbortSignal }

/** What a POST takes: with a key, one that is sent again is carried out once. Take a UUID. */
export interface Sending extends Ask { key?: string }

interface More extends Sending {
  query?: Record<string, string | number | boolean | undefined>
  match?: string
  body?: unknown
  merge?: boolean
  lines?: string
}

/** What a server answers that does not do what was asked (RFC 9457). */
export class Problem extends Error {
  readonly status: number
  /** The address of a page that explains it. */
  readonly type: string
  /** What programs tell problems apart by, at any issuer: the last part of the type, like "conflict". */
  readonly kind: string
  /** Finds the request in the log and in `signet explain`. */
  readonly reference: string
  /** What is wrong with the fields that were sent, by JSON pointer. */
  readonly errors: { pointer: string; detail: string }[]

  constructor(status: number, says: Record<string, unknown>) {
    const text = (name: string): string => typeof says[name] === 'string' ? says[name] as string : ''
    const errors = Array.isArray(says['errors']) ? says['errors'] as { pointer: string; detail: string }[] : []
    super([`${status} ${text('title') || 'not an answer of the API of a Signet'}`, text('detail'),
      ...errors.map((e) => `${e.pointer} ${e.detail}`)].filter((part) => part !== '').join('; '))
    this.status = status
    this.type = text('type')
    this.kind = this.type.slice(this.type.lastIndexOf('/') + 1)
    this.reference = text('reference')
    this.errors = errors
  }
}

/** Fills in the names of a path. */
export function path(pattern: string, ...names: string[]): string {
  return names.reduce((filled, name) => filled.replace(/\{[^}]*\}/, () => encodeURIComponent(name)), pattern)
}

const mostTries = 5
const longestWait = 30
const answerTime = 60_000

/** Sends requests to the API of one server. */
export class Caller {
  private readonly base: string
  private readonly token: () => string | Promise<string>

  /** The issuer, like https://id.example.com, and what gives the access token, or API key, of each request. */
  constructor(issuer: string, token: () => string | Promise<string>) {
    const at = new URL(issuer)
    if (at.protocol !== 'https:' && !(at.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(at.hostname))) {
      throw new TypeError('a token goes over https only (http to this computer itself)')
    }
    this.base = issuer.replace(/\/$/, '') + '/api/admin/v1'
    this.token = token
  }

  protected async none(method: string, to: string, more: More): Promise<void> {
    await (await this.send(method, to, more)).text()
  }

  protected async text(method: string, to: string, more: More): Promise<string> {
    return (await this.send(method, to, more)).text()
  }

  protected async value<T>(method: string, to: string, more: More): Promise<T> {
    return await (await this.send(method, to, more)).json() as T
  }

  protected async tagged<T>(method: string, to: string, more: More): Promise<{ value: T; etag: string }> {
    const answer = await this.send(method, to, more)
    return { value: await answer.json() as T, etag: answer.headers.get('etag') ?? '' }
  }

  /** Sends a request, again while the server asks for patience. What it may have carried out is not sent again. */
  private async send(method: string, to: string, more: More): Promise<Response> {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(more.query ?? {})) if (value !== undefined) query.set(name, String(value))
    const address = this.base + to + (query.size > 0 ? `?${query}` : '')
    for (let n = 1; ; n++) {
      const headers = new Headers({ authorization: `Bearer ${await this.token()}`, accept: 'application/json' })
      if (more.body !== undefined) headers.set('content-type', more.merge ? 'application/merge-patch+json' : 'application/json')
      if (more.lines !== undefined) headers.set('content-type', 'application/jsonl')
      if (more.match !== undefined) headers.set('if-match', more.match)
      if (more.key !== undefined) headers.set('idempotency-key', more.key)
      const limit = AbortSignal.timeout(answerTime)
      const answer = await fetch(address, { method, headers, redirect: 'manual', cache: 'no-store', credentials: 'omit',
        signal: more.signal === undefined ? limit : AbortSignal.any([limit, more.signal]),
        ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
        ...(more.lines === undefined ? {} : { body: more.lines }) })
      if (answer.ok) return answer
      const says: unknown = await answer.json().catch(() => ({}))
      const again = answer.status === 429 || answer.status === 503 && method === 'GET'
      if (!again || n === mostTries) {
        throw new Problem(answer.status, typeof says === 'object' && says !== null ? says as Record<string, unknown> : {})
      }
      const seconds = Math.min(Math.max(Number(answer.headers.get('retry-after')) || 1, 1), longestWait)
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, seconds * 1000)
        more.signal?.addEventListener('abort', () => { clearTimeout(timer); reject(more.signal?.reason) }, { once: true })
      })
    }
  }
}
