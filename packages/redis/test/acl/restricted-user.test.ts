import { RedisReplyError } from '@pikku/redis'
import { RawConnection } from '@pikku/redis-testing'
import { describe, expect, inject, test } from 'vitest'
import { CLIENTS, openService } from '../clients.js'

describe.each(CLIENTS)('a restricted user over $client', (client) => {
  test('who uses another prefix than its own is told so at init()', async () => {
    const opened = openService(client, { keyPrefix: 'payments' })
    await expect(opened).rejects.toBeInstanceOf(RedisReplyError)
    await expect(opened).rejects.toThrow(/NOPERM.*payments/s)
  })

  test('may do nothing else on the server', async () => {
    const raw = await RawConnection.open(inject('redisUrl'))
    for (const command of ['KEYS *', 'FLUSHALL', 'CONFIG GET *', 'ACL LIST']) {
      const asked = raw.command(...command.split(' '))
      await expect(asked).rejects.toThrow(/NOPERM/)
    }
    await raw.close()
  })
})
