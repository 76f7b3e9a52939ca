import { findRedis } from '@pikku/redis-testing'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
const redis = await findRedis({ log: () => {} })
const io = new Redis(redis.url)
const nr = createClient({ url: redis.url })
await nr.connect()
const src = "redis.call('HSET', KEYS[1], 'a', ARGV[1]) return {'ok'}"
const sha = (await io.script('LOAD', src)) as string
const keys = Array.from(
  { length: 12 },
  (_, i) => `workflows:thing${i}:8b1f6c1e-7d0a-4a51-a0c8-3f3f6c7d2f10`
)
const args = Array.from({ length: 20 }, (_, i) => 'x'.repeat(20))
const f = {
  io: () => io.call('EVALSHA', sha, '12', ...keys, ...args),
  nr: () => nr.sendCommand(['EVALSHA', sha, '12', ...keys, ...args]),
}
for (const [n, call] of Object.entries(f))
  for (const conc of [1, 32]) {
    const go = async (n: number) => {
      let m = 0
      await Promise.all(
        Array.from({ length: conc }, async () => {
          while (m++ < n) await call()
        })
      )
    }
    await go(5000)
    const c0 = process.cpuUsage()
    const t0 = performance.now()
    await go(20000)
    const s = (performance.now() - t0) / 1000
    const c = process.cpuUsage(c0)
    console.log(
      n,
      conc,
      Math.round(20000 / s),
      'per s; client us',
      (c.user + c.system) / 20000
    )
  }
await redis.stop()
process.exit(0)
