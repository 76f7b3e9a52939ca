// What `durability` costs: `node test/failover/durability-cost.ts` in
// packages/redis, after a build. One master and one replica on this machine,
// so the network costs nothing: on a real one, add a round trip to a replica.
import {
  RedisWorkflowService as OverIoRedis,
  type RedisWorkflowServiceOptions as Options,
} from '@pikku/redis'
import { RedisWorkflowService as OverNodeRedis } from '@pikku/redis/node-redis'
import { RedisSentinels } from '@pikku/redis-testing'

const RUNS = 2_000
const AT_ONCE = [1, 32]
const WIRE = { type: 'test' }
const SETTINGS = {
  none: {},
  '1 replica': { durability: { replicas: 1, timeoutMs: 1_000 } },
}

type Service = OverIoRedis | OverNodeRedis

/** One result of a step; the only call that is measured. */
async function prepare(service: Service): Promise<() => Promise<void>> {
  const runId = await service.createRun('wf', {}, true, 'h', WIRE)
  const { stepId } = await service.insertStepState(runId, 's', 'rpc', {})
  return () => service.setStepResult(stepId, 'result')
}

async function measure(service: Service, atOnce: number) {
  const calls: Array<() => Promise<void>> = []
  while (calls.length < RUNS) calls.push(await prepare(service))
  const times: number[] = []
  const lane = async () => {
    for (let call = calls.pop(); call; call = calls.pop()) {
      const startedAt = performance.now()
      await call()
      times.push(performance.now() - startedAt)
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: atOnce }, lane))
  const seconds = (performance.now() - startedAt) / 1_000
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.floor(part * RUNS)]!.toFixed(2)
  return {
    'results/s': Math.round(RUNS / seconds),
    'p50 ms': at(0.5),
    'p99 ms': at(0.99),
  }
}

const sentinels = await RedisSentinels.start({ replicas: 1 })
const { url } = await sentinels.master()
const rows: object[] = []
const CLIENTS = {
  ioredis: (options: Options) => new OverIoRedis(url, options),
  'node-redis': (options: Options) => new OverNodeRedis(url, options),
}
for (const [client, create] of Object.entries(CLIENTS)) {
  for (const atOnce of AT_ONCE) {
    for (const [durability, options] of Object.entries(SETTINGS)) {
      const service = create({ ...options, wireQueues: false })
      await service.init()
      // The first calls pay for compiling.
      await measure(service, atOnce)
      const figures = await measure(service, atOnce)
      rows.push({ client, 'at once': atOnce, durability, ...figures })
      await service.close()
    }
  }
}
console.table(rows)
await sentinels.stop()
