// A Signet for a test: the real program, in memory, on this machine. Nothing of it is imitated: start runs `signet dev`.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What Server.token asks for. Left out, it is the client and the first person of a server without a seed. */
export interface Ask {
  clientId?: string
  clientSecret?: string
  redirectUri?: string
  /** The person's email. */
  login?: string
  scope?: string
  /** Identifier of the API (RFC 8707). */
  resource?: string
}

/** A token answer (RFC 6749 section 5.1). */
export interface Tokens {
  access_token: string
  token_type: string
  expires_in: number
  refresh_token?: string
  id_token?: string
  scope?: string
}

/** Starts a server with a seed: YAML with users, clients, resources, tokens and what else the configuration has. */
export async function start(seed = ''): Promise<Server> {
  const args = ['dev', '--json', '--until-stdin-closes', '--listen', '127.0.0.1:0']
  const folder = mkdtempSync(join(tmpdir(), 'signet-test-'))
  if (seed !== '') {
    writeFileSync(join(folder, 'seed.yaml'), seed, { mode: 0o600 })
    args.push('--seed', join(folder, 'seed.yaml'))
  }
  const child = spawn(find(), args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let log = ''
  child.stderr.on('data', (part: Buffer) => { log += part.toString() })
  const line = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`signet dev ended with ${code}: ${log}`)))
    createInterface({ input: child.stdout }).once('line', resolve)
  }).finally(() => rmSync(folder, { recursive: true, force: true }))
  const issuer = (JSON.parse(line) as { issuer: string }).issuer
  const about = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json() as Record<string, string>
  return new Server(issuer, about.authorization_endpoint!, about.token_endpoint!, child)
}

/** A server that runs until stop, or until the process that started it ends. */
export class Server {
  /** @internal */
  constructor(readonly issuer: string, private readonly authorize: string, private readonly endpoint: string,
    private readonly child: ChildProcess) {}

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.stdin?.end()
    await ended
  }

  /** Signs a person in and gives what the client gets: the authorization code flow with PKCE, whole. */
  async token(ask: Ask = {}): Promise<Tokens> {
    const { clientId = 'app', redirectUri = 'http://127.0.0.1/callback', login = 'ada@example.com', scope = 'openid' } = ask
    const verifier = randomBytes(32).toString('base64url')
    const state = randomBytes(16).toString('base64url')
    const to = new URL(this.authorize)
    const form = new URLSearchParams({ grant_type: 'authorization_code', redirect_uri: redirectUri, code_verifier: verifier })
    for (const [name, value] of Object.entries({
      response_type: 'code', client_id: clientId, redirect_uri: redirectUri, scope, state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    })) to.searchParams.set(name, value)
    if (ask.resource !== undefined) {
      to.searchParams.set('resource', ask.resource)
      form.set('resource', ask.resource)
    }
    const back = await this.signIn(to, login)
    const code = back.searchParams.get('code')
    if (code === null || back.searchParams.get('state') !== state) throw new Error(`no code: ${back.href}`)
    form.set('code', code)
    const headers: Record<string, string> = {}
    if (ask.clientSecret === undefined) form.set('client_id', clientId)
    else {
      const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(ask.clientSecret)}`
      headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    }
    const answer = await fetch(this.endpoint, { method: 'POST', body: form, headers })
    if (!answer.ok) throw new Error(`token endpoint: ${answer.status} ${await answer.text()}`)
    return await answer.json() as Tokens
  }

  /**
   * The browser of a person whom an app sends to the authorization endpoint: one click signs in, another allows what is asked. Gives the
   * address that the person comes back to, which is not opened.
   */
  async signIn(authorization: URL | string, login = 'ada@example.com'): Promise<URL> {
    const cookies = new Map<string, string>()
    let at = new URL(authorization)
    let form: URLSearchParams | undefined
    for (let i = 0; i < 20; i++) {
      if (!`${at.href}/`.startsWith(`${this.issuer}/`)) return at
      const headers: Record<string, string> = { 'accept-language': 'en', cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join('; ') }
      if (form !== undefined) headers.origin = at.origin
      const answer: Response = await fetch(at, {
        method: form === undefined ? 'GET' : 'POST', redirect: 'manual', headers, ...(form === undefined ? {} : { body: form }),
      })
      for (const line of answer.headers.getSetCookie()) {
        const [pair = '', ...rest] = line.split(';')
        const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
        if (rest.some((part) => part.trim().toLowerCase() === 'max-age=0')) cookies.delete(name)
        else cookies.set(name, value)
      }
      const body = await answer.text()
      const location = answer.headers.get('location')
      if (location !== null) {
        at = new URL(location, at)
        form = undefined
        continue
      }
      const next = fill(body, login)
      if (next === undefined) throw new Error(`${at.pathname}: ${answer.status}: nothing to click; is ${login} somebody of the seed?`)
      at = new URL(next.action, at)
      form = next.form
    }
    throw new Error(`no end of pages: ${at.href}`)
  }
}

/** Answers the page that signs in by one click, and the one that asks for consent. */
function fill(page: string, login: string): { action: string, form: URLSearchParams } | undefined {
  for (const [, tag = '', inner = ''] of page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)) {
    const form = new URLSearchParams()
    let pressed = false
    for (const [input] of inner.matchAll(/<(?:input|button)\b[^>]*>/g)) {
      const a = attributes(input)
      const [name = '', value = ''] = [a.get('name'), a.get('value')]
      if ((name === 'seeded' && value.toLowerCase() === login.toLowerCase()) || (name === 'decision' && value === 'allow')) {
        pressed = true
        form.set(name, value)
      } else if (a.get('type') === 'hidden' || a.get('type') === 'checkbox') form.append(name, value) // all that is asked is allowed
    }
    if (pressed) return { action: attributes(tag).get('action') ?? '', form }
  }
  return undefined
}

function attributes(tag: string): Map<string, string> {
  const entity = /&(?:#(\d+)|#x([0-9a-f]+)|(amp|lt|gt|quot));/gi
  const plain = (text: string): string => text.replace(entity, (_, d?: string, x?: string, n?: string) =>
    n !== undefined ? ({ amp: '&', lt: '<', gt: '>', quot: '"' } as Record<string, string>)[n.toLowerCase()]!
      : String.fromCodePoint(d !== undefined ? parseInt(d, 10) : parseInt(x!, 16)))
  return new Map([...tag.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [name, plain(value)]))
}

/** The program: SIGNET_BINARY, or signet of PATH, or built of the checkout that this file is in. */
function find(): string {
  const named = process.env.SIGNET_BINARY
  if (named) return named
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder !== '' && existsSync(join(folder, 'signet'))) return join(folder, 'signet')
  }
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, 'go.mod')) && /^module signet$/m.test(readFileSync(join(at, 'go.mod'), 'utf8'))) return build(at)
  }
  throw new Error('no program: set SIGNET_BINARY, or put signet into PATH, or use a checkout of it')
}

let built: string | undefined

function build(checkout: string): string {
  if (built === undefined) {
    const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'signettest')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const fresh = join(folder, `signet.${process.pid}`)
    const spare = 'minutes the first time; SIGNET_BINARY names one that is built'
    process.stderr.write(`signet-kit/test: building signet in ${checkout} (${spare})\n`)
    const stdio: ['ignore', 'inherit', 'inherit'] = ['ignore', 'inherit', 'inherit']
    execFileSync('go', ['build', '-ldflags', '-s -w', '-o', fresh, './cmd/signet'], { cwd: checkout, stdio })
    built = join(folder, 'signet')
    renameSync(fresh, built)
  }
  return built
}
