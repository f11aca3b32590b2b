import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, mock } from 'node:test'
import { deflateSync } from 'node:zlib'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { Api, type Options, Proofs, type Token } from '../src/index.js'
import * as forExpress from '../src/express.js'
import * as forFastify from '../src/fastify.js'
import * as forHono from '../src/hono.js'

const issuer = 'https://id.example'
const resource = 'https://api.example/v1'

/** An issuer without a network. */
class World {
  fetches = 0
  away = false
  private constructor(readonly key: CryptoKey, private readonly jwks: string) {}

  static async make(): Promise<World> {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwk = { ...(await exportJWK(publicKey)), kid: 'es', alg: 'ES256', use: 'sig' }
    return new World(privateKey as CryptoKey, JSON.stringify({ keys: [jwk] }))
  }

  fetch = (async (address: unknown) => {
    if (String(address).endsWith('/jwks')) this.fetches++
    await new Promise((done) => setImmediate(done))
    if (this.away) throw new Error('no route')
    return new Response(String(address).endsWith('/jwks') ? this.jwks : JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }))
  }) as typeof globalThis.fetch

  api(options: Options = {}): Api {
    return new Api(issuer, resource, { fetch: this.fetch, ...options })
  }

  token(kid = 'es', scope = 'notes:read'): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({ client_id: 'app', scope }).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid }).setIssuer(issuer)
      .setAudience(resource).setSubject('ada').setJti(crypto.randomUUID()).setIssuedAt(now).setExpirationTime(now + 600).sign(this.key)
  }

  async status(api: Api, token: string): Promise<number> {
    const got = await api.authorize(new Request(`${resource}/notes`, { headers: { authorization: `Bearer ${token}` } }))
    return got instanceof Response ? got.status : 200
  }
}

describe('introspection', () => {
  it('is asked once in ten seconds, by a key, and answers of no use are not kept as good', async () => {
    const w = await World.make()
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const asked: URLSearchParams[] = []
    let says: Record<string, unknown> = { active: true, token_type: 'Bearer', aud: resource, sub: 'ada' }
    let status = 200
    const fetch = (async (address: unknown, init?: RequestInit) => {
      if (String(address) !== `${issuer}/ask`) return w.fetch(address as string)
      asked.push(init!.body as URLSearchParams)
      return Response.json(says, { status })
    }) as typeof globalThis.fetch
    const key = { ...(await exportJWK(privateKey)), alg: 'ES256', kid: 'mine' }
    const api = w.api({ fetch, introspection: { clientId: 'api', key, endpoint: `${issuer}/ask`, always: true } })
    mock.timers.enable({ apis: ['Date'], now: Date.now() })
    try {
      const token = await w.token()
      for (const t of ['opaque', 'opaque', token, token]) assert.equal(await w.status(api, t), 200)
      assert.deepEqual(asked.map((b) => b.get('token')), ['opaque', token])
      const { payload, protectedHeader } = await jwtVerify(asked[0]!.get('client_assertion')!, publicKey,
        { issuer: 'api', subject: 'api', audience: issuer, currentDate: new Date() })
      assert.equal(protectedHeader.kid, 'mine')
      assert.ok(payload.jti && payload.exp! - payload.iat! === 60 && !asked[0]!.has('client_secret'))
      says = { active: false }
      assert.equal(await w.status(api, token), 200)
      mock.timers.tick(10_000)
      assert.equal(await w.status(api, token), 401)
      says = { active: true, token_type: 'Bearer', aud: resource, sub: 'ada' }
      mock.timers.tick(5_000)
      status = 500
      assert.equal(await w.status(api, token), 503) // the endpoint is away: neither good nor bad
      status = 200
      assert.equal(await w.status(api, token), 200) // … and that is not kept
      const before = asked.length
      await Promise.all(Array.from({ length: 40 }, (_, i) => w.status(api, `opaque${i}`))) // 16 at a time, and all of them
      assert.equal(asked.length, before + 40)
    } finally {
      mock.timers.reset()
    }
    for (const bad of [{ clientId: 'api' }, { clientId: '', secret: 's' }, { clientId: 'api', secret: 's', key },
      { clientId: 'api', key: await exportJWK(publicKey) }, { clientId: 'api', secret: 's', endpoint: 'http://id.example/ask' }]) {
      assert.throws(() => w.api({ introspection: bad }), TypeError)
    }
  })
})

describe('logout tokens', () => {
  it('end sessions once, and nothing else does', async () => {
    const w = await World.make()
    const ended: string[] = []
    let fails = false
    const api = w.api()
    const signed = (claims: Record<string, unknown> = {}, typ = 'logout+jwt', key = w.key) => {
      const at = Math.floor(Date.now() / 1000)
      const all = { iss: issuer, aud: 'app', iat: at, exp: at + 120, jti: 'l-1', sub: 'ada', sid: 's',
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, ...claims }
      return new SignJWT(all).setProtectedHeader({ alg: 'ES256', typ, kid: 'es' }).sign(key)
    }
    const send = async (body: string | URLSearchParams, method = 'POST') => {
      const got = await api.logout(new Request('https://app.example/logout', method === 'POST' ? { method, body } : { method }), 'app',
        (sub, sid) => {
          if (fails) throw new Error('the database is away')
          ended.push(`${sub}/${sid}`)
        })
      assert.equal(got.headers.get('cache-control'), 'no-store')
      return got.status
    }
    const token = (t: string) => new URLSearchParams({ logout_token: t })
    const stranger = (await generateKeyPair('ES256')).privateKey as CryptoKey
    const events = 'http://schemas.openid.net/event/backchannel-logout'
    for (const [name, form] of Object.entries({
      'nothing': '', "another client's": token(await signed({ aud: 'other' })),
      "another issuer's": token(await signed({ iss: 'https://evil.example' })),
      'with a nonce': token(await signed({ nonce: 'n' })), 'with an empty nonce': token(await signed({ nonce: null })),
      'without an event': token(await signed({ events: undefined })), 'with another event': token(await signed({ events: { x: {} } })),
      'an event that is none': token(await signed({ events: { [events]: null } })),
      'an event that is a list': token(await signed({ events: { [events]: [] } })),
      'of nobody': token(await signed({ sub: undefined, sid: undefined })), 'without jti': token(await signed({ jti: undefined })),
      'without exp': token(await signed({ exp: undefined })), 'without iat': token(await signed({ iat: undefined })),
      'over': token(await signed({ exp: Math.floor(Date.now() / 1000) - 60 })), 'an access token': token(await w.token()),
      'an ID token': token(await signed({}, 'JWT')), "a stranger's": token(await signed({}, 'logout+jwt', stranger)),
      'two': `logout_token=${await signed()}&logout_token=${await signed()}`, 'more than is read': `logout_token=${'a'.repeat(40 << 10)}`,
    })) assert.equal(await send(form), 400, name)
    assert.equal(await send('', 'GET'), 405)
    const first = token(await signed())
    fails = true
    assert.equal(await send(first), 503)
    fails = false
    assert.equal(await send(first), 200) // the issuer tries again
    assert.equal(await send(first), 400) // somebody sends it again
    assert.equal(await send(token(await signed({ jti: 'l-2', sid: undefined }))), 200)
    assert.deepEqual(ended, ['ada/s', 'ada/'])
    w.away = true
    const away = new Api(issuer, resource, { fetch: w.fetch })
    const late = new Request('https://app.example/logout', { method: 'POST', body: token(await signed({ jti: 'l-3' })) })
    assert.equal((await away.logout(late, 'app', () => {})).status, 503)
  })
})

describe('status lists', () => {
  it('of an issuer that stalls hold up one request, not all', async () => {
    mock.timers.enable({ apis: ['Date'], now: 1_795_000_000_000 })
    try {
      const w = await World.make()
      const uri = `${issuer}/oauth2/status/0`
      const seconds = () => Math.floor(Date.now() / 1000)
      let bits = [0, 0]
      let fetches = 0
      let stalled: (() => void)[] | undefined // what ends the fetches that are under way; undefined: it answers
      const list = () => new SignJWT({ status_list: { bits: 1, lst: deflateSync(Buffer.from(bits)).toString('base64url') }, ttl: 10 })
        .setProtectedHeader({ alg: 'ES256', typ: 'statuslist+jwt', kid: 'es' }).setSubject(uri)
        .setIssuedAt(seconds()).setExpirationTime(seconds() + 60).sign(w.key)
      const api = w.api({
        fetch: (async (address: unknown) => {
          if (String(address) !== uri) return w.fetch(String(address))
          fetches++
          if (stalled) await new Promise<void>((_, fail) => stalled!.push(() => fail(new Error('nothing came'))))
          return new Response(await list())
        }) as typeof fetch,
      })
      const token = await new SignJWT({ client_id: 'app', scope: 'notes:read', status: { status_list: { idx: 9, uri } } })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'es' }).setIssuer(issuer).setAudience(resource).setSubject('ada')
        .setJti('j').setIssuedAt(seconds()).setExpirationTime(seconds() + 3000).sign(w.key)
      const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))
      const begun = async () => { while (stalled!.length === 0) await pause(1) }
      const end = async () => { // the five seconds of the fetches that are under way
        mock.timers.tick(5000)
        for (const fail of stalled!.splice(0)) fail()
        await pause(1)
      }
      /** 0: it waits. */
      const ask = () => Promise.race([w.status(api, token), pause(3000).then(() => 0)])
      assert.equal(await w.status(api, token), 200)

      stalled = []
      mock.timers.tick(11_000) // the list is too old, and counts for 49 seconds still
      const first = w.status(api, token)
      await begun()
      await end()
      assert.equal(await first, 200) // by the list of before
      for (let second = 16; second < 60; second += 5) {
        for (let i = 0; i < 20; i++) assert.equal(await ask(), 200, `a request after ${second} seconds waits, or is refused`)
        await end()
      }
      assert.ok(fetches <= 11, `${fetches} fetches`) // one at a time

      mock.timers.tick(60_000) // nobody knows any more
      const late = w.status(api, token)
      await begun()
      await end()
      assert.equal(await late, 503)

      stalled = undefined
      bits = [0, 2]
      mock.timers.tick(2000)
      assert.equal(await w.status(api, token), 401)
    } finally {
      mock.timers.reset()
    }
  })

  it('that are older bring nothing back', async () => {
    mock.timers.enable({ apis: ['Date'], now: 1_795_000_000_000 })
    try {
      const w = await World.make()
      const uri = `${issuer}/oauth2/status/0`
      const seconds = () => Math.floor(Date.now() / 1000)
      let bits = [0, 0]
      let late = 0
      const list = () => {
        const at = seconds() - late
        return new SignJWT({ status_list: { bits: 1, lst: deflateSync(Buffer.from(bits)).toString('base64url') }, ttl: 10 })
          .setProtectedHeader({ alg: 'ES256', typ: 'statuslist+jwt', kid: 'es' }).setSubject(uri)
          .setIssuedAt(at).setExpirationTime(at + 300).sign(w.key)
      }
      const api = w.api({
        fetch: (async (address: unknown) =>
          String(address) === uri ? new Response(await list()) : w.fetch(String(address))) as typeof fetch,
      })
      const token = await new SignJWT({ client_id: 'app', scope: 'notes:read', status: { status_list: { idx: 9, uri } } })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'es' }).setIssuer(issuer).setAudience(resource).setSubject('ada')
        .setJti('j').setIssuedAt(seconds()).setExpirationTime(seconds() + 3000).sign(w.key)
      const later = async (s: number) => {
        mock.timers.tick(s * 1000)
        await w.status(api, token)
        await new Promise((done) => setTimeout(done, 20))
        return w.status(api, token)
      }
      assert.equal(await later(0), 200)
      bits = [0, 2]
      assert.equal(await later(20), 401)
      ;[bits, late] = [[0, 0], 200] // of a cache, or a replica that cannot read its database
      for (let i = 0; i < 5; i++) assert.equal(await later(20), 401)
      late = 0
      assert.equal(await later(20), 200)
    } finally {
      mock.timers.reset()
    }
  })
})

describe('keys', () => {
  it('are fetched seldom, whatever key ids come', async () => {
    mock.timers.enable({ apis: ['Date'], now: 1_795_000_000_000 })
    try {
      const w = await World.make()
      const api = w.api()
      const [, claims, signature] = (await w.token()).split('.')
      const rest = `${claims}.${signature}`
      for (let second = 0; second < 100; second++) {
        const made = Array.from({ length: 100 }, (_, i) =>
          Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: `made-up-${second}-${i}` })).toString('base64url') + '.' + rest)
        assert.ok((await Promise.all(made.map((t) => w.status(api, t)))).every((s) => s === 401))
        mock.timers.tick(1000)
      }
      assert.ok(w.fetches <= 1 + 100 / 30 && w.fetches >= 2, `${w.fetches} fetches`)
      assert.equal(await w.status(api, await w.token()), 200)
    } finally {
      mock.timers.reset()
    }
  })

  it('are used for a day while the issuer is away', async () => {
    mock.timers.enable({ apis: ['Date'], now: 1_795_000_000_000 })
    try {
      const w = await World.make()
      const api = w.api()
      w.away = true
      assert.equal(await w.status(api, await w.token()), 503)
      w.away = false
      mock.timers.tick(1000)
      assert.equal(await w.status(api, await w.token()), 200)
      w.away = true
      mock.timers.tick(23 * 3600_000)
      assert.equal(await w.status(api, await w.token()), 200)
      await new Promise((done) => setTimeout(done, 20))
      assert.equal(await w.status(api, await w.token('new')), 503)
      mock.timers.tick(2 * 3600_000)
      assert.equal(await w.status(api, await w.token()), 503)
    } finally {
      mock.timers.reset()
    }
  })
})

describe('an API', () => {
  it('says what is wrong with its options', () => {
    for (const [i, r, o] of [
      ['http://id.example', resource, {}], ['id', resource, {}], [issuer, '/v1', {}], [issuer, `${resource}#x`, {}],
      [issuer, resource, { baseURL: 'https://other.example' }], [issuer, resource, { algorithms: ['HS256'] }],
      [issuer, resource, { algorithms: ['none'] }], [issuer, resource, { jwks: 'http://id.example/jwks' }],
      [issuer, resource, { dpop: { nonceKeys: [new Uint8Array(8)] } }],
    ] as [string, string, Options][]) assert.throws(() => new Api(i, r, o), `${i} ${r} ${JSON.stringify(o)}`)
    new Api('http://localhost:9400', 'http://localhost:9420')
  })

  it('publishes its metadata', async () => {
    const api = new Api(issuer, resource, { document: { scopes: ['notes:read'] }, dpop: { required: true } })
    assert.equal(api.metadataURL, 'https://api.example/.well-known/oauth-protected-resource/v1')
    const got = (await api.metadata(new Request(api.metadataURL)).json()) as Record<string, unknown>
    assert.equal(got.resource, resource)
    assert.deepEqual(got.authorization_servers, [issuer])
    assert.equal(got.dpop_bound_access_tokens_required, true)
    assert.equal(api.metadata(new Request(api.metadataURL, { method: 'OPTIONS' })).status, 204)
  })

  it('asks for more inside a handler', async () => {
    const w = await World.make()
    const api = w.api()
    const got = await api.authorize(new Request(resource, { headers: { authorization: `Bearer ${await w.token()}` } }))
    assert.ok(!(got instanceof Response))
    assert.equal(api.demand(got, { scopes: ['notes:read'] }), undefined)
    const refused = api.demand(got, { scopes: ['notes:write'] })
    assert.equal(refused?.status, 403)
    assert.match(refused?.headers.get('www-authenticate') ?? '', /insufficient_scope.*scope="notes:write"/)
  })

  it('lets no proof be forgotten by a flood', () => {
    const memory = new Proofs()
    const until = Date.now() + 60_000
    assert.equal(memory.once('first', until), true)
    Object.assign(memory, { n: 1 << 20 })
    assert.throws(() => memory.once('second', until))
    assert.equal(memory.once('first', until), false)
  })
})

/** Sends a request with headers as they are, two of a name among them. */
async function ask(listener: RequestListener, headers: string[]):
  Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  try {
    await new Promise((done) => server.once('listening', done))
    return await new Promise((done, failed) => {
      const { port } = server.address() as AddressInfo
      const sent = ['host', 'evil.example', ...headers] as never
      const req = httpRequest({ port, host: '127.0.0.1', path: '/v1/notes', headers: sent, agent: false }, (res) => {
        let body = ''
        res.on('data', (part) => (body += part)).on('end', () => done({ status: res.statusCode!, headers: res.headers, body }))
      })
      req.on('error', failed).end()
    })
  } finally {
    server.close()
  }
}

describe('adapters', () => {
  const all: Record<string, (api: Api) => Promise<RequestListener>> = {
    async express(api) {
      const app = express()
      const router = express.Router().get('/notes', forExpress.requireToken(api, { scopes: ['notes:read'] }), (_req, res) => {
        res.send(`Hello ${(res.locals.token as Token).subject}`)
      })
      return app.use('/v1', router)
    },
    async fastify(api) {
      const app = fastify()
      app.get('/v1/notes', { preHandler: forFastify.requireToken(api, { scopes: ['notes:read'] }) }, async (request) =>
        `Hello ${(request as { token?: Token }).token?.subject}`)
      await app.ready()
      return (req, res) => app.routing(req, res)
    },
  }
  for (const [name, make] of Object.entries(all)) {
    it(name, async () => {
      const w = await World.make()
      const listener = await make(w.api())
      const bearer = `Bearer ${await w.token()}`
      const good = await ask(listener, ['authorization', bearer])
      assert.deepEqual([good.status, good.body], [200, 'Hello ada'])
      const none = await ask(listener, [])
      assert.equal(none.status, 401)
      assert.match(String(none.headers['www-authenticate']), /^Bearer scope="notes:read", resource_metadata=.*DPoP/)
      assert.equal((await ask(listener, ['authorization', bearer, 'authorization', bearer])).status, 400)
      assert.equal((await ask(listener, ['authorization', `Bearer ${await w.token('es', 'profile')}`])).status, 403)
    })
  }

  it('hono', async () => {
    const w = await World.make()
    const app = new Hono<{ Variables: { token: Token } }>()
    app.get('/v1/notes', forHono.requireToken(w.api(), { scopes: ['notes:read'] }), (c) => c.text(`Hello ${c.get('token').subject}`))
    const send = (headers: HeadersInit) => app.request(`${resource}/notes`, { headers })
    const good = await send({ authorization: `Bearer ${await w.token()}` })
    assert.deepEqual([good.status, await good.text()], [200, 'Hello ada'])
    assert.equal((await send({})).status, 401)
    assert.equal((await send({ authorization: `Bearer ${await w.token('es', 'profile')}` })).status, 403)
  })
})

it('README.md has the program of test/readme.ts', () => {
  assert.ok(readFileSync('README.md', 'utf8').includes('```ts\n' + readFileSync('test/readme.ts', 'utf8') + '```\n'))
})
