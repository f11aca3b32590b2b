import assert from 'node:assert/strict'
import { type AddressInfo } from 'node:net'
import { createServer, type Server as Http } from 'node:http'
import { after, before, test } from 'node:test'
import { auth, type OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { type Server, start } from 'signet-kit/test'
import { routes } from './server.js'

const redirect = 'http://127.0.0.1:7777/callback'
let id: Server
let http: Http
let resource: string

before(async () => {
  http = createServer()
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  resource = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`
  id = await start(`
users: [{email: ada@example.com, name: Ada Lovelace}]
resources: [{identifier: "${resource}", name: Notes, scopes: [notes:read, notes:write]}]
registration: {mode: open, scopes: [openid, notes:read, notes:write]}
clients: [{client_id: app, token_endpoint_auth_method: none, application_type: native, redirect_uris: [http://127.0.0.1/callback],
  scope: openid notes:read},
  {client_id: editor, token_endpoint_auth_method: none, application_type: native, redirect_uris: [http://127.0.0.1/callback],
  grant_types: [authorization_code], scope: notes:read notes:write}]
`)
  http.on('request', routes(id.issuer, resource))
})
after(async () => {
  http.close()
  http.closeAllConnections()
  await id.stop()
})

/** A client that registers itself, with a person who signs in and allows what it asks for. */
class Person implements OAuthClientProvider {
  readonly asked: URL[] = []
  code = ''
  private kept: Record<string, unknown> = {}
  readonly redirectUrl = redirect
  // Without refresh tokens: the SDK refreshes where more is asked for, and gets as little as before.
  readonly clientMetadata = { client_name: 'Test', redirect_uris: [redirect], token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'], response_types: ['code'] }
  clientInformation() { return this.kept.client as never }
  saveClientInformation(client: unknown) { this.kept.client = client }
  tokens() { return this.kept.tokens as never }
  saveTokens(tokens: unknown) { this.kept.tokens = tokens }
  forget() { this.kept = {} }
  codeVerifier() { return this.kept.verifier as string }
  saveCodeVerifier(verifier: string) { this.kept.verifier = verifier }
  async redirectToAuthorization(url: URL) {
    this.asked.push(url)
    const back = await id.signIn(url)
    assert.equal(back.searchParams.get('iss'), id.issuer)
    this.code = back.searchParams.get('code') ?? ''
  }
}

async function connect(person: Person): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: person })
  try {
    await client.connect(transport)
    return client
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
    await transport.finishAuth(person.code)
    return await connect(person)
  }
}

const text = (got: unknown) => (got as { content: { text: string }[] }).content[0]!.text

test('the official client and server, from an address alone to a call; a tool that needs more is asked for', async () => {
  const person = new Person()
  const client = await connect(person)
  assert.equal(text(await client.callTool({ name: 'list_notes' })), '')
  const add = () => client.callTool({ name: 'add_note', arguments: { text: 'Buy milk' } })
  await assert.rejects(add) // the person has been asked meanwhile, for a client that registered for reading
  assert.match(person.asked[1]!.searchParams.get('scope') ?? '', /notes:write/)
  person.forget()
  const scope = 'notes:read notes:write'
  assert.equal(await auth(person, { serverUrl: resource, scope }), 'REDIRECT')
  assert.equal(await auth(person, { serverUrl: resource, scope, authorizationCode: person.code }), 'AUTHORIZED')
  await add()
  assert.equal(text(await client.callTool({ name: 'list_notes' })), 'Buy milk')
  assert.deepEqual(person.asked.map((u) => [u.searchParams.get('resource'), u.searchParams.get('code_challenge_method')]),
    Array.from({ length: 3 }, () => [resource, 'S256']))
  assert.equal(person.asked[0]!.searchParams.get('scope'), 'notes:read')
  await client.close()
})

test('a client that may have more widens what it has by itself, as the challenge says', async () => {
  const person = new Person()
  person.saveClientInformation({ client_id: 'editor' })
  const client = await connect(person)
  const add = () => client.callTool({ name: 'add_note', arguments: { text: 'Call Grace' } })
  await assert.rejects(add, UnauthorizedError) // it has asked meanwhile
  assert.deepEqual(person.asked.map((u) => u.searchParams.get('scope')), ['notes:read', 'notes:read notes:write'])
  await (client.transport as StreamableHTTPClientTransport).finishAuth(person.code)
  await add()
  await client.close()
})

test('strangers get no answer of a tool', async () => {
  const post = (token: string, body: unknown) => fetch(resource, { method: 'POST', body: JSON.stringify(body), headers: {
    'content-type': 'application/json', accept: 'application/json, text/event-stream',
    ...(token && { authorization: `Bearer ${token}` }) } })
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'add_note', arguments: { text: 'x' } } }
  const none = await post('', call)
  assert.equal(none.status, 401)
  assert.match(none.headers.get('www-authenticate') ?? '', /resource_metadata=/)
  assert.equal((await post((await id.token()).access_token, call)).status, 401) // for the issuer
  const { access_token } = await id.token({ scope: 'notes:read', resource })
  for (const body of [call, [call], [{ ...call, method: 'tools/list' }, call]]) {
    const refused = await post(access_token, body)
    assert.equal(refused.status, 403)
    assert.match(refused.headers.get('www-authenticate') ?? '', /scope="notes:read notes:write"/)
  }
})
