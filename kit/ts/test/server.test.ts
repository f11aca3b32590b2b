import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { Api } from '../src/index.js'
import { start } from '../src/test.js'
import { got, id } from './readme-server.js'

after(async () => { await id.stop() })

test('people sign in by one click, and the kit takes their tokens', () => {
  assert.ok(!(got instanceof Response) && got.token.scopes.includes('notes:read'))
  assert.equal(new URL(id.issuer).hostname, 'localhost')
})

test('an API refuses what is not for it', async () => {
  const other = new Api(id.issuer, 'https://other.example')
  const { access_token } = await id.token({ scope: 'notes:read' })
  const answer = await other.authorize(new Request('https://other.example/', { headers: { authorization: `Bearer ${access_token}` } }))
  assert.ok(answer instanceof Response && answer.status === 401)
})

test('somebody who is not of the seed has nothing to click', async () => {
  await assert.rejects(id.token({ login: 'mallory@example.com', scope: 'notes:read' }), /somebody of the seed/)
})

test('the issuer is asked about a token, and its signed answer is taken', async () => {
  const secret = 'a secret of the API, long enough for one'
  const own = await start(`
users:     [{email: ada@example.com}]
clients:   [{client_id: app, token_endpoint_auth_method: none, application_type: native,
             redirect_uris: [http://127.0.0.1/callback], scope: notes:read},
            {client_id: api, client_secret: "${secret}", redirect_uris: [https://api.example/callback], scope: openid}]
resources: [{identifier: https://notes.example, scopes: [notes:read], introspected_by: [api]}]
`)
  try {
    const { access_token } = await own.token({ scope: 'notes:read' })
    const ask = async (o: { secret: string; signed: boolean }) => {
      const api = new Api(own.issuer, 'https://notes.example', { introspection: { clientId: 'api', always: true, ...o } })
      const answer = await api.authorize(new Request('https://notes.example/', { headers: { authorization: `Bearer ${access_token}` } }))
      return answer instanceof Response ? answer.status : 200
    }
    for (const signed of [false, true]) {
      assert.equal(await ask({ secret, signed }), 200)
      assert.equal(await ask({ secret: `${secret}.`, signed }), 503) // nobody knows: neither good nor bad
    }
  } finally {
    await own.stop()
  }
})

test('a seed that is for other machines is refused, with the reason', async () => {
  await assert.rejects(start('server: {issuer: https://id.example.com}'), /this machine only/)
})

test('README.md has the program of test/readme-server.ts', () => {
  const run = readFileSync('test/readme-server.ts', 'utf8').replaceAll('export ', '')
    .replace('../src/index.js', 'signet-kit').replace('../src/test.js', 'signet-kit/test')
  assert.ok(readFileSync('README.md', 'utf8').includes('```ts\n' + run + '```\n'))
})
