import { decode, object, signedBy, split, string } from './jws.js'
import { fetched, type KeySet, safe } from './keys.js'
import { Refusal } from './reason.js'
import { time } from './token.js'

/** What is done with tokens that name their place in a status list (IETF Token Status List). */
export interface Status {
  /** Takes tokens until they end, revoked or not. */
  off?: boolean
  /** Takes tokens, too, while their list cannot be had and the one of before is over; else they are refused with 503. */
  lenient?: boolean
}

/** A place in a status list. */
export interface Place { uri: string; index: number }

const ahead = 2000 // before a list is too old, it is fetched anew, beside the requests
const retry = 1000 // between two tries of a list
const patience = 10_000 // after a try that failed, in which requests do not wait for the next one
const mostLists = 1000
const mostBytes = 1 << 20 // of a list

/** The places of a token, and of who acts in it (RFC 8693). All must be good. Throws if one is malformed. */
export function places(claims: Record<string, unknown>): Place[] {
  const acting = claims.act_status ?? []
  if (!Array.isArray(acting)) throw new Error('act_status is no list')
  return [...('status' in claims ? [claims.status] : []), ...acting].map((status) => {
    const list = (status as { status_list?: { idx?: unknown; uri?: unknown } } | null)?.status_list
    const { idx, uri } = list ?? {}
    if (typeof uri !== 'string' || uri === '' || typeof idx !== 'number' || !Number.isSafeInteger(idx) || idx < 0) {
      throw new Error('a status without its place in a status_list')
    }
    return { uri, index: idx }
  })
}

interface List { bits: Uint8Array; size: number; got: number; issued: number; ttl: number; expires: number }
interface Entry { list?: List; tried: number; failed?: number; error?: unknown; flight?: Promise<void> }

/** The status lists that tokens named. While one is young, a request costs the look at a bit. */
export class StatusLists {
  private readonly entries = new Map<string, Entry>() // the one that was used last at the end

  constructor(private readonly issuer: string, private readonly keys: KeySet, private readonly algorithms: string[],
    private readonly clock: { past: number; ahead: number }, private readonly fetch: typeof globalThis.fetch) {}

  /** What the list says of a place: 0 = good. */
  async status(place: Place): Promise<number> {
    if (!below(this.issuer, place.uri)) throw new Refusal('malformed', `the status list ${place.uri.slice(0, 200)} is not the issuer's`)
    const entry = this.entry(place.uri)
    const now = Date.now()
    const before = entry.list
    if (!before || now - before.got >= before.ttl - Math.min(ahead, before.ttl / 2)) this.start(entry, place.uri, now)
    if (before && now - before.got < before.ttl) return value(before, place.index)
    // an issuer that does not answer must not hold up every request, as long as the list of before counts
    const patient = !before || now >= before.expires || now - (entry.failed ?? -Infinity) >= patience
    if (entry.flight && patient) await entry.flight
    const { list } = entry
    if (list && (Date.now() - list.got < list.ttl || Date.now() < list.expires)) return value(list, place.index)
    throw new Refusal('unavailable', `the status list ${place.uri.slice(0, 200)}: ${entry.error}`, { cause: entry.error })
  }

  private entry(uri: string): Entry {
    const entry = this.entries.get(uri) ?? { tried: -Infinity }
    this.entries.delete(uri)
    if (this.entries.size >= mostLists) this.entries.delete(this.entries.keys().next().value!)
    this.entries.set(uri, entry)
    return entry
  }

  private start(entry: Entry, uri: string, now: number): void {
    if (entry.flight || now - entry.tried < retry) return
    entry.tried = now
    entry.flight = this.load(uri, now).then(
      (list) => {
        // a cache, or a replica that cannot read its database: what it does not know of yet was revoked all the same
        if (entry.list && list.issued < entry.list.issued && now < entry.list.expires) throw new Error('it is older than the one before')
        entry.list = list
        entry.error = undefined
        entry.failed = undefined
      },
    ).catch((error) => {
      entry.error = error ?? 'no answer'
      entry.failed = Date.now()
    }).finally(() => { entry.flight = undefined })
  }

  /** Gets a list and verifies it: signed by the issuer, for this address, not over. */
  private async load(uri: string, now: number): Promise<List> {
    const sent = (await fetched(this.fetch, uri, 'application/statuslist+jwt')).trim()
    const jws = split(sent)
    if (!this.algorithms.includes(jws.alg)) throw new Error(`alg is ${jws.alg}`)
    if (!/^(application\/)?statuslist\+jwt$/i.test(jws.typ)) throw new Error(`typ is ${jws.typ}`)
    if (jws.kid === '') throw new Error('it names no key')
    if (!(await signedBy(sent, jws.alg, await this.keys.find(jws.kid, jws.alg)))) throw new Error('wrong signature')
    const c = object(jws.payload)
    const body = c.status_list as { bits?: unknown; lst?: unknown } | undefined
    const issued = time(c, 'iat')
    const expires = (time(c, 'exp') ?? now / 1000 + 86_400) + this.clock.past
    const ttl = Math.min(Math.max(time(c, 'ttl') ?? 60, 3), 60)
    const size = body?.bits
    if (string(c, 'sub') !== uri) throw new Error(`it is about ${String(c.sub)}`)
    if (string(c, 'iss') !== '' && c.iss !== this.issuer) throw new Error(`it is of the issuer ${String(c.iss)}`)
    if (issued === undefined || issued > now / 1000 + this.clock.ahead) throw new Error('it has no iat, or one that is ahead')
    if (now / 1000 >= expires) throw new Error('it is over')
    if (size !== 1 && size !== 2 && size !== 4 && size !== 8) throw new Error(`places of ${String(size)} bits`)
    if (typeof body?.lst !== 'string') throw new Error('it has no lst')
    return { bits: await inflate(decode(body.lst)), size, got: now, issued, ttl: ttl * 1000, expires: expires * 1000 }
  }
}

/** The value of a place, the least significant bits first. */
function value(list: List, index: number): number {
  const perByte = 8 / list.size
  const byte = list.bits[Math.floor(index / perByte)]
  if (byte === undefined) throw new Refusal('malformed', `the status list has no place ${index}`)
  return (byte >> ((index % perByte) * list.size)) & ((1 << list.size) - 1)
}

/** Reads zlib with nothing behind it, of a bounded size. */
async function inflate(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate')).getReader()
  const parts: Uint8Array[] = []
  let size = 0
  for (let part = await reader.read(); part.value; part = await reader.read()) {
    size += part.value.length
    if (size > mostBytes) {
      await reader.cancel().catch(() => undefined)
      throw new Error('a list of more than 1 MiB')
    }
    parts.push(part.value)
  }
  if (size === 0) throw new Error('a list without places')
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  // some runtimes do not look at what is behind the end of the stream, which is the checksum (RFC 1950 section 2.2)
  if (new DataView(packed.buffer, packed.byteOffset).getUint32(packed.length - 4) !== adler32(all)) {
    throw new Error('there is something behind the list')
  }
  return all
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return ((b << 16) | a) >>> 0
}

/** Reports whether an address is the issuer's: a good token cannot make the API fetch what it names. */
function below(issuer: string, address: string): boolean {
  return address.startsWith(`${issuer.replace(/\/+$/, '')}/`) && address.length <= 2048 && !address.includes('..') && safe(address)
}
