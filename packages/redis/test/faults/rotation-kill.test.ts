import { uniquePrefix, WorkerProcess } from '@pikku/redis-testing'
import { describe, expect, inject, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { KINDS } from '../secrets/encrypting.js'
import { AFTER, BEFORE, DURING } from '../secrets/keys.js'
import type { RotationSetup } from './workers/rotation-worker.js'

const COUNT = 6
/** Every how manieth point of a rotation is a case. */
const STEP = 4
const LANES = 2

const CASES = CLIENTS.flatMap((client) =>
  KINDS.map((kind) => ({ ...kind, client, over: client.client }))
)

describe.each(CASES)('a rotation of $kind over $over', (kind) => {
  const { client } = kind
  const url = inject('redisUrl')

  /** @returns Where it died, `undefined` if it came to its end. */
  async function rotateUntil(
    diesAt: number,
    keyPrefix: string
  ): Promise<string | undefined> {
    const setup: RotationSetup = {
      client: client.client,
      kind: kind.kind,
      url,
      options: { ...DURING, keyPrefix },
      diesAt,
    }
    const worker = await WorkerProcess.start(
      new URL('./workers/rotation-worker.ts', import.meta.url),
      { env: { ROTATION_WORKER: JSON.stringify(setup) } }
    )
    const { signal } = await worker.exited
    const last = JSON.parse(worker.lines.at(-1) ?? '{}') as { dies?: string }
    expect(signal ?? worker.stderr).toBe(last.dies ? 'SIGKILL' : '')
    return last.dies
  }

  /** @returns Whether it came to its end. */
  async function killAt(point: number): Promise<boolean> {
    const keyPrefix = uniquePrefix('killed')
    const before = kind.open(client, keyPrefix, BEFORE)
    const both = kind.open(client, keyPrefix, DURING)
    const after = kind.open(client, keyPrefix, AFTER)
    for (let n = 0; n < COUNT; n++) await before.write(n, `value ${n}`)
    const diedAt = await rotateUntil(point, keyPrefix)
    const where = `${point}: ${diedAt}`
    let rotated = 0
    for (let n = 0; n < COUNT; n++) {
      expect(await both.read(n), where).toBe(`value ${n}`)
      const isDone = await after.read(n).then(
        () => true,
        () => false
      )
      if (isDone) rotated++
    }
    expect(await both.rotateKEK(), where).toBe(COUNT - rotated)
    for (let n = 0; n < COUNT; n++) {
      expect(await after.read(n), where).toBe(`value ${n}`)
    }
    for (const each of [before, both, after]) await each.close()
    return diedAt === undefined
  }

  test('that is killed at any point is whole, and can be gone on with', async () => {
    let next = 0
    let deaths = 0
    let isOver = false
    const lane = async () => {
      while (!isOver) {
        const point = next
        next += STEP
        if (await killAt(point)) isOver = true
        else deaths++
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    expect(deaths).toBeGreaterThan(5)
  }, 120_000)
})
