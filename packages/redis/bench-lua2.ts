import { findRedis, RawConnection } from '@pikku/redis-testing'
import {
  KeySchema,
  runScripts,
  transitionOf,
  transitions,
  advanceCall,
} from '@pikku/redis-core'
import { randomUUID } from 'node:crypto'
const redis = await findRedis({ log: () => {} })
const raw = await RawConnection.open(redis.url)
const keys = new KeySchema()
const id = randomUUID()
const call = advanceCall(keys, id, '', [
  transitionOf(
    transitions.succeedStep,
    { stepId: keys.stepId(id, `step 1`, 'abcdefgh'), result: '{"value":1}' },
    `step 1`
  ),
  transitionOf(
    transitions.addStep,
    { stepId: keys.stepId(id, `step 2`, 'abcdefgh') },
    `step 2`,
    ['data', 'null', 'retries', '0']
  ),
  transitionOf(
    transitions.startStep,
    { stepId: keys.stepId(id, `step 2`, 'abcdefgh'), leaseMs: 30000 },
    `step 2`
  ),
])
const K = [...Object.values(call.keys), ...call.moreKeys!]
const argv = ['0', 'abcdefghijkl', '', ...call.rest!]
const src = runScripts.advanceRun.source
async function t(name: string, source: string) {
  // how long does 1 script take: run a client loop, read evalsha usec
  const sha = String(await raw.command('SCRIPT', 'LOAD', source))
  const n = 3000
  for (let r = 0; r < 2; r++) {
    await raw.command('CONFIG', 'RESETSTAT')
    for (let i = 0; i < n; i++)
      await raw.command('EVALSHA', sha, String(K.length), ...K, ...argv)
  }
  const s = /cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(
    String(await raw.command('INFO', 'commandstats'))
  )![1]
  console.log(name.padEnd(40), s)
}
await t('return 1', 'return 1')
await t(
  'libs only',
  src.replace(
    'local run, refused = open_run(ARGV[1])',
    "do return {'ok'} end local run, refused = open_run(ARGV[1])"
  )
)
await t('no run', src)
await t(
  '20 hmget',
  `for i = 1, 20 do redis.call('HMGET', KEYS[1], 'id', 'status') end return 1`
)
await t(
  '20 hset',
  `for i = 1, 20 do redis.call('HSET', KEYS[2], 'id', 'status') end return 1`
)
await t('20 time', `for i = 1, 20 do redis.call('TIME') end return 1`)
await t(
  '20 hmget22',
  `for i = 1, 20 do redis.call('HMGET', KEYS[2], 'a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q','r','s','t','u','v') end return 1`
)
await t(
  '20 hset set 8',
  `for i = 1, 20 do redis.call('HSET', KEYS[2], 'a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p') end return 1`
)
await t(
  '20 cjson',
  `for i = 1, 20 do cjson.encode('some text here') end return 1`
)
await t(
  '20 string.format',
  `for i = 1, 20 do string.format('%.0f', 1700000000000 + i) end return 1`
)
await t(
  '200 closures',
  `for i = 1, 200 do local f = function() return i end end return 1`
)
await redis.stop()
process.exit(0)
