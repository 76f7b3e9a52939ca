/**
 * What a page of runs costs beside the same reads made raw, over the same
 * connection: `node test/finding/page-cost.ts [runs]`. A million runs take
 * about 1.5 GB of memory.
 */
import { RedisWorkflowRunService, RedisWorkflowService } from '@pikku/redis'
import type { RedisAdapter } from '@pikku/redis-core'
import {
  RedisWorkflowRunService as RunsOverNodeRedis,
  RedisWorkflowService as OverNodeRedis,
} from '@pikku/redis/node-redis'
import { findRedis } from '@pikku/redis-testing'

const RUNS = Number(process.argv[2] ?? 1_000_000)
const ROUNDS = 200
const LIMIT = 50
const redis = await findRedis({ log: console.log })
const options = { wireQueues: false }
const service = new RedisWorkflowService(redis.url, options)
await service.init()
await fill(service)

for (const [client, runs, { adapter }] of [
  ['ioredis', new RedisWorkflowRunService(redis.url), service],
  [
    'node-redis',
    new RunsOverNodeRedis(redis.url),
    new OverNodeRedis(redis.url, options),
  ],
] as const) {
  await adapter.open()
  await runs.init()
  const { cursor } = await runs.listRunsPage({ offset: RUNS / 2, limit: LIMIT })
  const cases = {
    'all, first page': {},
    'of a workflow': { workflowName: 'workflow 7' },
    'of a status': { status: 'completed' },
    'of both': { workflowName: 'workflow 7', status: 'completed' },
    'all, offset in the middle': { offset: RUNS / 2 },
    'all, cursor in the middle': { cursor: cursor! },
  }
  const raw: number[] = []
  const ours = new Map<string, number[]>()
  for (let round = 0; round < ROUNDS; round++) {
    raw.push(await timed(() => rawPage(adapter)))
    for (const [name, page] of Object.entries(cases)) {
      const took = await timed(() => runs.listRuns({ ...page, limit: LIMIT }))
      ours.set(name, [...(ours.get(name) ?? []), took])
    }
  }
  const floor = median(raw)
  console.log(
    `${client}: raw ZRANGE and ${LIMIT} HGETALL ${floor.toFixed(2)} ms`
  )
  for (const [name, times] of ours) {
    const ms = median(times)
    console.log(
      `  ${name}: ${ms.toFixed(2)} ms, ${(ms / floor).toFixed(2)} times`
    )
  }
  const counted = await timed(() => runs.countRuns())
  console.log(`  countRuns: ${counted.toFixed(2)} ms`)
  await runs.close()
  await adapter.close()
}
await redis.stop()

async function fill(store: RedisWorkflowService): Promise<void> {
  const wire = { type: 'test' }
  const input = { order: 'x'.repeat(100) }
  let made = 0
  const lane = async () => {
    while (made < RUNS) {
      const n = made++
      const name = `workflow ${n % 20}`
      const id = await store.createRun(name, input, false, 'h', wire)
      if (n % 2) await store.updateRunStatus(id, 'completed', { n })
    }
  }
  const took = await timed(() => Promise.all(Array.from({ length: 200 }, lane)))
  console.log(`${RUNS} runs in ${(took / 1_000).toFixed(0)} s`)
}

/** What a page is made of: a range of an index, and its runs. */
async function rawPage(adapter: RedisAdapter): Promise<void> {
  const key = 'workflows:index:runs'
  const members = (await adapter.send({
    key,
    args: ['ZRANGE', key, '0', String(LIMIT - 1)],
  })) as string[]
  await adapter.sendAll(
    members.map((member) => {
      const run = `workflows:run:${member.slice(-36)}`
      return { key: run, args: ['HGETALL', run] as const }
    })
  )
}

async function timed(body: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await body()
  return performance.now() - began
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
}
