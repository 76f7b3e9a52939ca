import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findRedis, uniquePrefix } from '@pikku/redis-testing'
import { CLIENTS } from './client.ts'
import { runDemo } from './demo.ts'
import { readOrders } from './orders.ts'
import { bold, dim, green, red, yellow } from './style.ts'

const redis = await findRedis({
  allowJsServer: true,
  log: (line) => console.log(dim(line)),
})
console.log(`Redis: ${redis.description}`)
if (redis.kind === 'js') {
  console.log(
    yellow('This is an imitation of Redis: no promise is claimed on it.')
  )
}

const folder = await mkdtemp(join(tmpdir(), 'order-fulfilment-'))
const orders = readOrders()
const failures: string[] = []
try {
  for (const client of CLIENTS) {
    console.log(`\n${bold(client)}, ${orders.length} orders`)
    const began = performance.now()
    try {
      const failed = await runDemo({
        client,
        url: redis.url,
        keyPrefix: uniquePrefix(`demo-${client}`),
        runBook: join(folder, `${client}.jsonl`),
        orders,
      })
      failures.push(...failed.map((what) => `${client}: ${what}`))
    } catch (error) {
      failures.push(`${client}: ${String(error)}`)
    }
    const took = (performance.now() - began) / 1_000
    console.log(dim(`  ${client} took ${took.toFixed(1)} s`))
  }
} finally {
  await rm(folder, { recursive: true, force: true })
  await redis.stop()
}

console.log()
if (failures.length > 0) {
  console.log(red(bold('FAILED')))
  for (const failure of failures) console.log(red(`  ${failure}`))
  process.exitCode = 1
} else {
  console.log(green(bold(`OK: on ${CLIENTS.join(' and ')}`)))
}
