// In front of a server of the official TypeScript SDK for MCP, on Express. The SDK itself is not needed here: what it wants has a shape.
import type { Api, Demand, Token } from './index.js'
import { type Incoming, authorizeNode } from './node.js'

/** What the SDK calls AuthInfo: tools find it as extra.authInfo, and the kit's token in its extra. */
export interface AuthInfo {
  token: string
  clientId: string
  scopes: string[]
  expiresAt: number
  resource: URL
  extra: { token: Token }
}

interface Outgoing {
  status(code: number): Outgoing
  append(name: string, value: string): unknown
  set(name: string, value: string): unknown
  send(body: string): unknown
}

/** What authInfo says of a token that was verified. */
export function authInfo(api: Api, token: Token): AuthInfo {
  return {
    token: '', // tools have no business with it
    clientId: token.clientId, scopes: [...token.scopes], resource: new URL(api.resource), extra: { token },
    expiresAt: Math.floor(token.expires),
  }
}

/**
 * Middleware of Express for an MCP endpoint, after express.json(): it lets requests through whose token meets the demand, and calls of
 * tools whose token has the scopes that they need. A call without is answered 403 insufficient_scope, and clients ask for more.
 */
export function requireToken(api: Api, demand: Demand = {}, tools: Record<string, string[]> = {}) {
  return async (req: Incoming & { originalUrl: string; body?: unknown; auth?: AuthInfo }, res: Outgoing,
    next: (error?: unknown) => void) => {
    const got = await authorizeNode(api, req, req.originalUrl, demand)
    const refused = got instanceof Response ? got : missing(api, got, demand, needs(req.body, tools))
    for (const [name, value] of (refused ?? got).headers) name === 'www-authenticate' ? res.append(name, value) : res.set(name, value)
    if (refused !== undefined) return void res.status(refused.status).send(await refused.text())
    if (got instanceof Response) return // it is refused
    req.auth = authInfo(api, got.token)
    next()
  }
}

function missing(api: Api, got: Exclude<Awaited<ReturnType<typeof authorizeNode>>, Response>, demand: Demand, scopes: string[]) {
  return scopes.length === 0 ? undefined : api.demand(got, { ...demand, scopes: [...new Set([...(demand.scopes ?? []), ...scopes])] })
}

/** The scopes of the tools that a message, or several, call: of the same object that the SDK handles. */
function needs(body: unknown, tools: Record<string, string[]>): string[] {
  const messages: ({ method?: unknown; params?: { name?: unknown } } | null | undefined)[] = Array.isArray(body) ? body : [body]
  return messages.flatMap((m) => {
    const name = m?.method === 'tools/call' ? m.params?.name : undefined
    return typeof name === 'string' && Object.hasOwn(tools, name) ? tools[name]! : []
  })
}
