import { findRedis, uniquePrefix } from '@pikku/redis-testing'
import { runDemo } from './demo.ts'
import { CLIENTS } from './stores.ts'

const redis = await findRedis({ log: console.log })
console.log(`Redis: ${redis.description}`)
try {
  for (const client of CLIENTS) {
    console.log(`\n${client}`)
    const keyPrefix = uniquePrefix(`channels-${client}`)
    await runDemo({ client, url: redis.url, keyPrefix })
  }
  console.log(`\nOK: on ${CLIENTS.join(' and ')}`)
} catch (error) {
  console.log(`\nFAILED: ${String(error)}`)
  process.exitCode = 1
} finally {
  await redis.stop()
}
