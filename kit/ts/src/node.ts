import type { Allowed, Api, Connection, Demand } from './index.js'

/** What is read of Node's requests; those of Express and Fastify are such. */
export interface Incoming {
  method?: string
  url?: string
  rawHeaders: string[]
  socket: { remoteAddress?: string; getPeerCertificate?: () => { raw?: Uint8Array } }
}

/** Judges a request of Node's http. The path is the one that came: give originalUrl where a router changed it. */
export function authorizeNode(api: Api, req: Incoming, path: string, demand?: Demand): Promise<Allowed | Response> {
  const headers = new Headers() // raw: of two Authorization headers Node shows the first
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    if (!req.rawHeaders[i]!.startsWith(':')) headers.append(req.rawHeaders[i]!, req.rawHeaders[i + 1]!)
  }
  const raw = req.socket.getPeerCertificate?.()?.raw
  const connection: Connection = { remote: req.socket.remoteAddress?.replace(/^::ffff:/, ''), certificate: raw && new Uint8Array(raw) }
  // The host is of no account: proofs are compared with the API's base URL.
  const url = `http://host${path.startsWith('/') ? path : '/'}`
  return api.authorize(new Request(url, { method: req.method, headers }), demand, connection)
}
