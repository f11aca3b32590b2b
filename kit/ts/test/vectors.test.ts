import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import { after, before, describe, it, mock } from 'node:test'
import { Api, type Refusal } from '../src/index.js'

// The test runs in the folder of the package.
const folder = '../vectors'

interface Sent { method: string; url: string; headers?: [string, string][]; certificate?: string; remote?: string }

interface Vector {
  name: string
  why?: string
  options?: { base_url?: string; audiences?: string[]; algorithms?: string[]; dpop_required?: boolean; nonce_keys?: string[]
    proxy_header?: string; trusted?: string[]; introspect?: string }
  issuer_is?: string
  demand?: { scopes?: string[]; any_scope?: string[]; max_age?: number; acr?: string[]; bound?: boolean }
  lists?: Record<string, string>
  answer?: { status: number; body: string }
  before?: Sent[]
  wait?: number
  request: Sent
  want: { reason: string; status: number; challenge?: string[]; nonce?: string; subject?: string; client_id?: string; scopes?: string[]
    actors?: string[] }
}

interface Suite { issuer: string; resource: string; time: number; jwks: unknown; vectors: Vector[] }

function api(s: Suite, v: Vector, observe: (r: Refusal | undefined) => void, asks: () => void): Api {
  const o = v.options ?? {}
  const trusted = new BlockList()
  for (const network of o.trusted ?? []) trusted.addSubnet(network.split('/')[0]!, Number(network.split('/')[1]))
  const fetch = async (address: unknown, init: { method?: string; body?: URLSearchParams; headers: Record<string, string> }) => {
    if (v.issuer_is === 'away') throw new Error('no route to the issuer')
    if (v.issuer_is === 'broken') return new Response(null, { status: 500 })
    const list = v.lists?.[String(address)]
    if (list !== undefined) return new Response(list || null, { status: list === '' ? 404 : 200 })
    if (String(address) === `${s.issuer}/introspect` && v.answer) {
      asks()
      assert.equal(init.method, 'POST')
      assert.equal(init.headers.authorization, `Basic ${btoa('api:a+b%3Ac')}`)
      assert.equal(init.headers.accept, o.introspect === 'signed' ? 'application/token-introspection+jwt' : 'application/json')
      assert.equal(init.body?.get('token'), v.request.headers![0]![1].split(' ')[1])
      return new Response(v.answer.body, { status: v.answer.status })
    }
    return Response.json(String(address).endsWith('/jwks') ? s.jwks
      : { issuer: s.issuer, jwks_uri: `${s.issuer}/jwks`, introspection_endpoint: `${s.issuer}/introspect` })
  }
  return new Api(s.issuer, s.resource, { baseURL: o.base_url, audiences: o.audiences, algorithms: o.algorithms, observe,
    fetch: fetch as unknown as typeof globalThis.fetch,
    introspection: o.introspect ? { clientId: 'api', secret: 'a b:c', always: o.introspect === 'always', signed: o.introspect === 'signed' }
      : undefined,
    dpop: { required: o.dpop_required, nonceKeys: o.nonce_keys?.map((k) => new Uint8Array(Buffer.from(k, 'base64url'))) },
    proxy: o.proxy_header ? { header: o.proxy_header, trusted: (remote) => trusted.check(remote) } : undefined })
}

function send(a: Api, v: Vector, r: Sent) {
  const d = v.demand
  return a.authorize(new Request(r.url, { method: r.method, headers: r.headers ?? [] }),
    d && { scopes: d.scopes, anyScope: d.any_scope, maxAge: d.max_age, acr: d.acr, bound: d.bound },
    { remote: (r.remote ?? '203.0.113.7:4321').split(':')[0],
      certificate: r.certificate ? new Uint8Array(Buffer.from(r.certificate, 'base64')) : undefined })
}

async function decide(s: Suite, v: Vector) {
  let refusal: Refusal | undefined
  let asked = 0
  const a = api(s, v, (r) => { refusal = r }, () => { asked++ })
  mock.timers.setTime((s.time - (v.wait ?? 0)) * 1000)
  for (const r of v.before ?? []) await send(a, v, r)
  mock.timers.setTime(s.time * 1000)
  const got = await send(a, v, v.request)
  assert.equal(asked > 0, v.answer !== undefined, `the endpoint was asked ${asked} times`)
  const nonce = got.headers.get('dpop-nonce') ?? undefined
  if (!(got instanceof Response)) {
    const t = got.token
    return { reason: '', status: 200, nonce, subject: t.subject, client_id: t.clientId, scopes: t.scopes,
      actors: t.actors.map((x) => x.subject) }
  }
  const body = (await got.json()) as { error?: string }
  assert.equal(got.headers.get('content-type'), 'application/json')
  assert.equal(got.headers.get('cache-control'), 'no-store')
  assert.equal(got.headers.has('retry-after'), got.status === 503 || got.status === 429)
  const challenge = got.headers.get('www-authenticate')
  if (challenge?.includes('error=')) assert.ok(challenge.includes(`error="${body.error}"`), challenge)
  return { reason: refusal?.reason, status: got.status, challenge, nonce }
}

describe('vectors', () => {
  before(() => mock.timers.enable({ apis: ['Date'] }))
  after(() => mock.timers.reset())
  let n = 0
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.json') && f !== 'testkeys.json')) {
    const s = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Suite
    for (const v of s.vectors) {
      n++
      it(`${file}: ${v.name}`, async () => {
        const { reason, status, challenge, nonce, subject, client_id, scopes, actors } = v.want
        const want = status === 200
          ? { reason, status, nonce, subject, client_id, scopes: scopes ?? [], actors: actors ?? [] }
          : { reason, status, challenge: challenge?.join(', ') ?? null, nonce }
        assert.deepEqual(await decide(s, v), want, v.why)
      })
    }
  }
  it('are all there', () => assert.ok(n > 200, `${n} vectors`))
})
