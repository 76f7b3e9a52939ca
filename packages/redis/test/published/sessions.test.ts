import { RedisSessionStore as Published } from '@pikku/redis-published'
import { uniquePrefix } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { CLIENTS } from '../clients.js'

/** The store published today, its real code from npm, beside this one. */
describe.each(CLIENTS)('sessions of 0.12.18 and $client', (client) => {
  const keyPrefix = uniquePrefix('rolling')
  const url = inject('redisUrl')
  const published = new Published(url, keyPrefix, 60)
  const ours = new client.entry.RedisSessionStore(url, keyPrefix, 60)
  const session = { userId: 'u', scopes: [], orgId: 'ø 🦆' }

  beforeAll(() => ours.init())
  afterAll(async () => {
    await ours.close()
    await published.close()
  })

  test('each reads what the other wrote', async () => {
    await published.set('a:b', session)
    expect(await ours.get('a:b')).toEqual(session)
    await ours.set('a:b', { ...session, scopes: ['x'] })
    expect(await published.get('a:b')).toEqual({ ...session, scopes: ['x'] })
  })

  test('each clears what the other wrote', async () => {
    await published.set('u', session)
    await ours.clear('u')
    expect(await published.get('u')).toBeUndefined()
    await ours.set('u', session)
    await published.clear('u')
    expect(await ours.get('u')).toBeUndefined()
  })
})
