import { freemem } from 'node:os'
import type { RawConnection } from '@pikku/redis-testing'
import { contenderOf } from './contenders.ts'
import { WIRE } from './engine.ts'
import type { Target } from './scenario.ts'
import { openStore } from './store.ts'

/** About what a key of this filling takes, the table's growth included. */
const BYTES_PER_KEY = 200
const BATCH = 10_000
const RUNS_AT_ONCE = 100

const SET_MANY = `
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('SET', 'cache:product:' .. i, ARGV[3])
end`

/** Adds keys of another part of an application; numbers from..to. */
export async function addOtherKeys(
  raw: RawConnection,
  from: number,
  to: number
): Promise<void> {
  const value = 'x'.repeat(40)
  for (let first = from; first <= to; first += BATCH) {
    const last = Math.min(first + BATCH - 1, to)
    await raw.command('EVAL', SET_MANY, '0', first, last, value)
  }
}

/** Adds runs without steps, as the contender's store makes them. */
export async function addRuns(
  contender: string,
  target: Target,
  keyPrefix: string,
  count: number
): Promise<string[]> {
  const store = await openStore(contenderOf(contender), target, keyPrefix)
  const ids: string[] = []
  let started = 0
  const lane = async () => {
    while (started < count) {
      const name = `workflow ${started++ % 20}`
      const input = { order: 'A-1' }
      ids.push(await store.service.createRun(name, input, false, 'h', WIRE))
    }
  }
  await Promise.all(Array.from({ length: RUNS_AT_ONCE }, lane))
  await store.close()
  return ids
}

/** Adds the run that is read: each step succeeded at its first attempt. */
export async function addRunWithSteps(
  contender: string,
  target: Target,
  keyPrefix: string,
  steps: number
): Promise<string> {
  const { service, close } = await openStore(
    contenderOf(contender),
    target,
    keyPrefix
  )
  const id = await service.createRun('read', { order: 'A-1' }, false, 'h', WIRE)
  for (let n = 1; n <= steps; n++) {
    const { stepId } = await service.insertStepState(id, `step ${n}`, 'rpc', {})
    await service.setStepRunning(stepId)
    await service.setStepResult(stepId, { step: n, ok: true })
  }
  await close()
  return id
}

export function fits(keys: number): boolean {
  return keys * BYTES_PER_KEY < freemem()
}
