import type { Api, Connection, Demand, Token } from './index.js'

interface Context {
  req: { raw: Request }
  set(name: 'token', token: Token): void
  header(name: string, value: string): void
}

/** Middleware of Hono: the token is c.get('token'). Where certificates of clients count, connection has to say what is known of it. */
export function requireToken(api: Api, demand?: Demand, connection?: (c: Context) => Connection) {
  return async (c: Context, next: () => Promise<void>) => {
    const got = await api.authorize(c.req.raw, demand, connection?.(c))
    if (got instanceof Response) return got
    for (const [name, value] of got.headers) c.header(name, value)
    c.set('token', got.token)
    await next()
  }
}
