import type { Service } from './client.ts'

export type Outcome = 'done' | 'repeated' | 'declined'

export interface LedgerEntry {
  readonly order: string
  readonly step: string
  readonly pid: number
  readonly outcome: Outcome
}

/*
 * The world outside of the workflow: warehouse, payment provider, courier.
 * Like a good provider it takes an idempotency key (order and step), so an
 * attempt and what came of it are one atomic change here.
 */
const ATTEMPT = `
local calls = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
local outcome = 'done'
if calls <= tonumber(ARGV[2]) then
  outcome = 'declined'
elseif redis.call('HSETNX', KEYS[3], ARGV[1], ARGV[3]) == 0 then
  outcome = 'repeated'
end
redis.call('RPUSH', KEYS[1], outcome .. ARGV[4])
return outcome
`

/** Every call of a step to the outside, and every effect that happened. */
export class Ledger {
  readonly #adapter: Service['adapter']
  readonly #prefix: string

  constructor(service: Service, prefix: string) {
    this.#adapter = service.adapter
    this.#prefix = `${prefix}-ledger`
  }

  async attempt(order: string, step: string, declines = 0): Promise<Outcome> {
    const key = `${this.#prefix}:attempts`
    const outcome = await this.#adapter.send({
      key,
      args: [
        'EVAL',
        ATTEMPT,
        '3',
        key,
        `${this.#prefix}:calls`,
        `${this.#prefix}:effects`,
        effectKey(order, step),
        String(declines),
        String(process.pid),
        ` ${JSON.stringify({ order, step, pid: process.pid })}`,
      ],
    })
    return outcome as Outcome
  }

  /** All attempts, in the order in which they came. */
  async attempts(): Promise<LedgerEntry[]> {
    const key = `${this.#prefix}:attempts`
    const lines = await this.#adapter.send({
      key,
      args: ['LRANGE', key, '0', '-1'],
    })
    return (lines as string[]).map((line) => {
      const space = line.indexOf(' ')
      const attempt = JSON.parse(line.slice(space)) as Omit<
        LedgerEntry,
        'outcome'
      >
      return { ...attempt, outcome: line.slice(0, space) as Outcome }
    })
  }
}

function effectKey(order: string, step: string): string {
  return `${order}:${step}`
}
