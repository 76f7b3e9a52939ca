import { createHash, randomUUID } from 'node:crypto'
import type { Contender } from './contenders.ts'
import { beginApplication, NO_RPC, registerWorkflow, WIRE } from './engine.ts'
import { openRawClient } from './raw-client.ts'
import type { Target } from './scenario.ts'
import { openStore } from './store.ts'

export const STEPS = 20

export interface DriverOptions {
  /** Steps of a run. @default 20 */
  readonly steps?: number
  /** About how many bytes each step's result has as JSON. @default 64 */
  readonly resultBytes?: number
}

/** Does whole runs, whoever stores them; the floor does what it has for one. */
export interface Driver {
  readonly steps: number
  run(): Promise<void>
  close(): Promise<void>
}

interface Opening {
  readonly contender: Contender
  readonly target: Target
  readonly keyPrefix: string
}

export async function openDriver(
  opening: Opening,
  { steps = STEPS, resultBytes = 64 }: DriverOptions = {}
): Promise<Driver> {
  const result = { value: 'x'.repeat(Math.max(1, resultBytes - 12)) }
  return opening.contender.kind === 'floor'
    ? openFloor(opening, steps, JSON.stringify(result))
    : openEngine(opening, steps, result)
}

async function openEngine(
  { contender, target, keyPrefix }: Opening,
  steps: number,
  result: unknown
): Promise<Driver> {
  beginApplication()
  registerWorkflow('order', async (workflow) => {
    for (let n = 1; n <= steps; n++) {
      await workflow.do(`step ${n}`, async () => result)
    }
    return { steps }
  })
  const open = () => openStore(contender, target, keyPrefix)
  const store = await open()
  const input = { order: 'A-1', customer: 7 }
  return {
    steps,
    run: async () => {
      // In memory a step is found by looking at all steps of all runs, so each
      // run gets a store of its own: it stands for the engine and nothing else.
      const { service } = contender.kind === 'memory' ? await open() : store
      const options = { inline: true }
      await service.startWorkflow('order', input, WIRE, NO_RPC, options)
    },
    close: () => store.close(),
  }
}

/** Like a step's transition: ten keys, 400 bytes and the value, five writes. */
const FLOOR = `
redis.call('HSET', KEYS[1], 'status', 'running', 'updatedAt', ARGV[1])
redis.call('HSET', KEYS[3], 'stepId', ARGV[2], 'status', ARGV[3], 'updatedAt', ARGV[1], 'result', ARGV[6])
redis.call('RPUSH', KEYS[5], ARGV[5])
redis.call('ZADD', KEYS[4], 0, ARGV[4])
redis.call('ZADD', KEYS[9], 0, ARGV[2])
return { 'ok' }`
const KINDS = 'run lock step steps history pending idle waiting leases state'

async function openFloor(
  { contender, target, keyPrefix }: Opening,
  steps: number,
  result: string
): Promise<Driver> {
  const client = await openRawClient(contender.client!, target.urls[0]!)
  await client.send('SCRIPT', 'LOAD', FLOOR)
  const sha = createHash('sha1').update(FLOOR).digest('hex')
  const entry = JSON.stringify({ status: 'running', rest: 'x'.repeat(250) })
  return {
    steps,
    run: async () => {
      const id = randomUUID()
      for (let n = 1; n <= steps; n++) {
        const keys = KINDS.split(' ').map(
          (kind) =>
            `${keyPrefix}:${kind}:${id}${kind === 'step' ? `:step ${n}` : ''}`
        )
        await client.send(
          'EVALSHA',
          sha,
          String(keys.length),
          ...keys,
          '1760000000000',
          `${id}:step ${n}:abcdefghijkl`,
          'running',
          `step ${n}`,
          entry,
          result
        )
      }
    },
    close: () => client.close(),
  }
}
