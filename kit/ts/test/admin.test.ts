import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Problem } from '../src/admin-caller.js'
import { Admin } from '../src/admin.js'
import { start } from '../src/test.js'

const scope = 'signet:people:read signet:people:write signet:groups:write signet:audit:read'
const id = await start(`
clients:
  - client_id: backoffice
    client_secret: "a secret of thirty-two characters"
    token_endpoint_auth_method: client_secret_post
    first_party: true
    grant_types: [client_credentials]
    scope: ${scope}
admin: {api: true, mcp: off}
`)
after(async () => { await id.stop() })

const answer = await fetch(`${id.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams({
  grant_type: 'client_credentials', client_id: 'backoffice', client_secret: 'a secret of thirty-two characters', scope,
  resource: `${id.issuer}/api/admin` }) })
const { access_token } = await answer.json() as { access_token: string }
const admin = new Admin(id.issuer, () => access_token)

test('a program of an administrator', async () => {
  const eve = await admin.createPerson({ email: 'eve@example.com', email_verified: true }, { key: 'mine' })
  assert.equal((await admin.createPerson({ email: 'eve@example.com', email_verified: true }, { key: 'mine' })).id, eve.id)
  const seen = await admin.getPerson(eve.id)
  assert.ok(seen.etag !== '' && seen.value.email_verified)
  const changed = await admin.changePerson(eve.id, seen.etag, { claims: { given_name: 'Eve' } })
  assert.notEqual(changed.etag, seen.etag)
  await assert.rejects(admin.changePerson(eve.id, seen.etag, { claims: {} }),
    (e) => e instanceof Problem && e.status === 412 && e.kind === 'changed' && e.reference !== '')
  await admin.putGroup('staff', { description: 'all' })
  await admin.addMember('staff', eve.id)
  assert.equal((await admin.listMembers('staff', { limit: 1 })).items?.[0]?.id, eve.id)
  assert.equal((await admin.listEvents({ name: 'group.created' })).items?.length, 1)
  await assert.rejects(admin.listKeys(), (e) => e instanceof Problem && e.status === 403 && /keys:read/.test(e.message))
})

test('a token goes over https only', () => {
  assert.throws(() => new Admin('http://id.example.com', () => 'x'), TypeError)
})
