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

test('a seed that is for other machines is refused, with the reason', async () => {
  await assert.rejects(start('server: {issuer: https://id.example.com}'), /this machine only/)
})

test('README.md has the program of test/readme-server.ts', () => {
  const run = readFileSync('test/readme-server.ts', 'utf8').replaceAll('export ', '')
    .replace('../src/index.js', 'signet-kit').replace('../src/test.js', 'signet-kit/test')
  assert.ok(readFileSync('README.md', 'utf8').includes('```ts\n' + run + '```\n'))
})
