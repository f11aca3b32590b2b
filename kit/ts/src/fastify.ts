import type { Api, Demand, Token } from './index.js'
import { type Incoming, authorizeNode } from './node.js'

interface Reply { code(code: number): Reply; header(name: string, value: string): Reply; send(body: string): unknown }

/** preHandler of Fastify: the token is in request.token. */
export function requireToken(api: Api, demand?: Demand) {
  return async (request: { raw: Incoming; originalUrl: string; token?: Token }, reply: Reply) => {
    const got = await authorizeNode(api, request.raw, request.originalUrl, demand)
    for (const [name, value] of got.headers) reply.header(name, value)
    if (got instanceof Response) return reply.code(got.status).send(await got.text())
    request.token = got.token
  }
}
