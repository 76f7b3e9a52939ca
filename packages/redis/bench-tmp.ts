import { findRedis } from '@pikku/redis-testing'
import { RedisWorkflowService as Io } from '@pikku/redis'
import { RedisWorkflowService as Nr } from '@pikku/redis/node-redis'
import { RedisWorkflowService as Pub } from '@pikku/redis-published'
import { Application } from './test/engine/application.ts'
import { RawConnection } from '@pikku/redis-testing'

const which = process.argv[2] ?? 'io'
const conc = Number(process.argv[3] ?? 1)
const runs = Number(process.argv[4] ?? 100)
const extra = JSON.parse(process.argv[5] ?? '{}')
const redis = await findRedis({ log: () => {} })
const raw = await RawConnection.open(redis.url)
const C = { io: Io, nr: Nr, pub: Pub }[which]! as any
const service = new C(
  redis.url,
  which === 'pub' ? undefined : { wireQueues: false, ...extra },
  which === 'pub' ? 'workflows' : undefined
)
await service.init()
const app = new Application()
app.serve({ warn: console.log, schedule: () => {} })
app.workflow('w', async (wf) => {
  let s = 0
  for (let i = 0; i < 20; i++)
    s += ((await wf.do(`step ${i}`, async () => ({ value: i }))) as any).value
  return { s }
})
const one = () =>
  service.startWorkflow('w', { order: 1 }, { type: 'test' }, app.rpc, {
    inline: true,
  })
async function batch(n: number) {
  let made = 0
  await Promise.all(
    Array.from({ length: conc }, async () => {
      while (made++ < n) await one()
    })
  )
}
await batch(Math.max(20, conc * 2))
const info = async () => {
  const t = String(await raw.command('INFO'))
  const g = (k: string) => Number(new RegExp(`^${k}:(.*)`, 'm').exec(t)![1])
  return {
    cpu: g('used_cpu_user') + g('used_cpu_sys'),
    mem: g('used_memory'),
    calls: g('total_commands_processed'),
    inb: g('total_net_input_bytes'),
    reads: g('total_reads_processed'),
  }
}
const a = await info()
const c0 = process.cpuUsage()
const t0 = performance.now()
await batch(runs)
const sec = (performance.now() - t0) / 1000
const c = process.cpuUsage(c0)
const b = await info()
const steps = runs * 20
console.log(
  JSON.stringify({
    which,
    conc,
    stepsPerS: Math.round(steps / sec),
    clientUs: Math.round((c.user + c.system) / steps),
    serverUs: Math.round(((b.cpu - a.cpu) * 1e6) / steps),
    memPerRun: Math.round((b.mem - a.mem) / runs),
    readsPerRun: (b.reads - a.reads) / runs,
    inPerStep: Math.round((b.inb - a.inb) / steps),
  })
)
await service.close()
await raw.close()
await redis.stop()
process.exit(0)
