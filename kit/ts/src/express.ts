import type { Api, Demand, Token } from './index.js'
import { type Incoming, authorizeNode } from './node.js'

interface Outgoing {
  status(code: number): Outgoing
  append(name: string, value: string): unknown
  set(name: string, value: string): unknown
  send(body: string): unknown
}

/** Middleware of Express: the token is in res.locals.token. */
export function requireToken(api: Api, demand?: Demand) {
  return async (req: Incoming & { originalUrl: string }, res: Outgoing & { locals: { token?: Token } },
    next: (error?: unknown) => void) => {
    const got = await authorizeNode(api, req, req.originalUrl, demand)
    for (const [name, value] of got.headers) name === 'www-authenticate' ? res.append(name, value) : res.set(name, value)
    if (got instanceof Response) return void res.status(got.status).send(await got.text())
    res.locals.token = got.token
    next()
  }
}
