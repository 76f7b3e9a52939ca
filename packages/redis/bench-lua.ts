import { findRedis, RawConnection } from '@pikku/redis-testing'
import {
  KeySchema,
  runScripts,
  ScriptRunner,
  transitionOf,
  transitions,
  advanceCall,
} from '@pikku/redis-core'
import { IoRedisAdapter } from '@pikku/redis-ioredis'
import { randomUUID } from 'node:crypto'
const redis = await findRedis({ log: () => {} })
const raw = await RawConnection.open(redis.url)
const adapter = new IoRedisAdapter(redis.url)
await adapter.open()
const runner = new ScriptRunner(adapter)
const keys = new KeySchema()
const cpu = async () => {
  const t = String(await raw.command('INFO'))
  const g = (k: string) => Number(new RegExp(`^${k}:(.*)`, 'm').exec(t)![1])
  return g('used_cpu_user') + g('used_cpu_sys')
}
async function one() {
  const id = randomUUID()
  await runner.run(runScripts.createRun, {
    keys: keys.runScriptKeys(id),
    args: {},
    rest: ['id', id, 'workflow', 'w', 'input', '{}'],
  })
  let prev = ''
  for (let i = 0; i < 20; i++) {
    const stepId = keys.stepId(id, `step ${i}`, 'abcdefgh')
    const calls = []
    if (prev)
      calls.push(
        transitionOf(
          transitions.succeedStep,
          { stepId: prev, result: '{"value":1}' },
          `step ${i - 1}`
        )
      )
    calls.push(
      transitionOf(transitions.addStep, { stepId }, `step ${i}`, [
        'data',
        'null',
        'retries',
        '0',
      ])
    )
    calls.push(
      transitionOf(
        transitions.startStep,
        { stepId, leaseMs: 30000 },
        `step ${i}`
      )
    )
    await runner.run(runScripts.advanceRun, advanceCall(keys, id, '', calls))
    prev = stepId
  }
  await runner.run(
    runScripts.advanceRun,
    advanceCall(keys, id, '', [
      transitionOf(
        transitions.succeedStep,
        { stepId: prev, result: '{"value":1}' },
        `step 19`
      ),
      transitionOf(transitions.updateRunStatus, {
        status: 'completed',
        output: '1',
        error: '',
      }),
    ])
  )
}
await Promise.all(Array.from({ length: Number(process.env.C ?? 32) }, one))
await raw.command('CONFIG', 'RESETSTAT')
const a = await cpu()
const t0 = performance.now()
const c0 = process.cpuUsage()
for (let k = 0; k < Number(process.env.K ?? 10); k++)
  await Promise.all(Array.from({ length: Number(process.env.C ?? 32) }, one))
const c = process.cpuUsage(c0)
console.log(
  'server us/step',
  Math.round(
    (((await cpu()) - a) * 1e6) /
      (20 * Number(process.env.K ?? 10) * Number(process.env.C ?? 32))
  ),
  'steps/s',
  Math.round(
    ((20 * Number(process.env.K ?? 10) * Number(process.env.C ?? 32)) /
      (performance.now() - t0)) *
      1000
  ),
  'client us/step',
  Math.round(
    (c.user + c.system) /
      (20 * Number(process.env.K ?? 10) * Number(process.env.C ?? 32))
  )
)
console.log(
  String(await raw.command('INFO', 'commandstats'))
    .split('\n')
    .map((l) => l.replace(/,rejected.*/, ''))
    .join('\n')
)
await redis.stop()
process.exit(0)
