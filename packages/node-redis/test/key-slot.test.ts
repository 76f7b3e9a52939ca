import { RawConnection, RedisServer } from '@pikku/redis-testing'
import { expect, test } from 'vitest'
import { keySlot } from '../src/key-slot.js'

const KEYS = [
  '',
  'key',
  'workflows:{7}:run:1',
  'a{b}c{d}e',
  '{}',
  '{}{a}',
  '{{a}}',
  'a}{b',
  'a{b',
  'a\n{b\n}',
  'grüße 👋',
  '{👋}:run',
  'é'.repeat(2_000),
]

test('a key has the slot that the server says', async () => {
  const server = await RedisServer.start({ args: ['--cluster-enabled', 'yes'] })
  const raw = await RawConnection.open(server.url)
  for (const key of KEYS) {
    const slot = await raw.command('CLUSTER', 'KEYSLOT', key)
    expect([key, keySlot(key)]).toEqual([key, slot])
  }
  await raw.close()
  await server.stop()
})
