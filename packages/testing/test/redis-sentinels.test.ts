import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RawConnection, RedisSentinels } from '../src/index.js'

describe('a master with sentinels', () => {
  let sentinels: RedisSentinels

  beforeAll(async () => {
    sentinels = await RedisSentinels.start()
  })

  afterAll(() => sentinels.stop())

  test('is followed by a replica when it is gone', async () => {
    const [first] = sentinels.servers
    const master = await sentinels.master()
    expect(master).toBe(first)
    const raw = await RawConnection.open(master.url)
    await raw.command('SET', 'key', 'kept')
    expect(await raw.command('WAIT', 2, 5_000)).toBe(2)
    await raw.close()

    await master.kill()
    const next = await sentinels.failedOverFrom(master)
    expect(next).not.toBe(master)
    const after = await RawConnection.open(next.url)
    expect(await after.command('GET', 'key')).toBe('kept')
    expect(await after.command('SET', 'key', 'new')).toBe('OK')
    await after.close()
  })
})
