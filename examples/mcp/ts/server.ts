// An MCP server that takes Signet's tokens by the kit. Reading notes needs notes:read, adding one notes:write: clients ask for it when
// somebody uses the tool.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { Api } from 'signet-kit'
import { type AuthInfo, requireToken } from 'signet-kit/mcp'
import { z } from 'zod'

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] })

/** The server of a request: it keeps no sessions. Notes are by person. */
function server(notes: Map<string, string[]>): McpServer {
  const mcp = new McpServer({ name: 'notes', version: '1' })
  const of = (info?: unknown): string[] => {
    const { subject } = (info as AuthInfo).extra.token
    if (!notes.has(subject)) notes.set(subject, [])
    return notes.get(subject)!
  }
  mcp.registerTool('list_notes', { description: 'Lists your notes.' }, (extra) => said(of(extra.authInfo).join('\n')))
  mcp.registerTool('add_note', { description: 'Adds a note.', inputSchema: { text: z.string() } }, ({ text }, extra) => {
    of(extra.authInfo).push(text)
    return said('Kept.')
  })
  return mcp
}

export function routes(issuer: string, resource: string): express.Express {
  const api = new Api(issuer, resource, { document: { name: 'Notes', scopes: ['notes:read'] } })
  const notes = new Map<string, string[]>()
  const app = express()
  const token = requireToken(api, { scopes: ['notes:read'] }, { add_note: ['notes:write'] })
  app.post('/mcp', express.json(), token, async (req, res) => {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
    res.on('close', () => { void transport.close() })
    await server(notes).connect(transport)
    await transport.handleRequest(req, res, req.body)
  })
  app.all('/mcp', token, (_req, res) => { res.status(405).set('Allow', 'POST').end() })
  app.all(new URL(api.metadataURL).pathname, async (req, res) => {
    const answer = api.metadata(new Request(api.metadataURL, { method: req.method }))
    res.status(answer.status).set(Object.fromEntries(answer.headers)).send(await answer.text())
  })
  return app
}
