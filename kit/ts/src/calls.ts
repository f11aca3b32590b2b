import { Refusal } from './reason.js'

/** How many calls the API takes of one agent for one person, by whatever grant, in so many seconds. */
export interface CallLimit { calls: number; seconds: number }

/** Counts calls. Several replicas of an API have one for all of them together; without one the limit holds at each. */
export interface Counter {
  /** Adds one to the calls of the key: how many they are, this one included, and until when (milliseconds since 1970) they are counted
   * together, which is so many seconds from the first of them on. */
  count(key: string, seconds: number): { calls: number; until: number } | Promise<{ calls: number; until: number }>
}

/** The memory of one process. What is counted is forgotten by its time alone; once it is full nothing new is taken. */
export class Calls implements Counter {
  private readonly windows = new Map<string, { calls: number; until: number }>()
  private swept = 0

  count(key: string, seconds: number): { calls: number; until: number } {
    const now = Date.now()
    let window = this.windows.get(key)
    if (window === undefined || now >= window.until) {
      if (this.windows.size >= 1 << 17 && now - this.swept >= 1000) {
        for (const [other, w] of this.windows) if (now >= w.until) this.windows.delete(other)
        this.swept = now
      }
      if (!this.windows.has(key) && this.windows.size >= 1 << 17) throw new Error('too many agents')
      this.windows.set(key, (window = { calls: 0, until: now + seconds * 1000 }))
    }
    window.calls++
    return window
  }
}

/** Reads call_limit. One that is not understood may be less than it seems. */
export function limit(value: unknown): CallLimit | undefined {
  if (value === undefined || value === null) return undefined
  const whole = (n: unknown) => typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= 1e9
  const of = value as Record<string, unknown>
  if (typeof value !== 'object' || Array.isArray(value) || Object.keys(of).length !== 2 || !whole(of.calls) || !whole(of.seconds)) {
    throw new Refusal('malformed', `call_limit is ${JSON.stringify(value).slice(0, 200)}`)
  }
  return { calls: of.calls as number, seconds: of.seconds as number }
}
