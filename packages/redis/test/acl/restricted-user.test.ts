import { RedisNotReplicatedError, RedisReplyError } from '@pikku/redis'
import { RawConnection } from '@pikku/redis-testing'
import { describe, expect, inject, test } from 'vitest'
import { CLIENTS, openRunService, openService, testPrefix } from '../clients.js'

describe.each(CLIENTS)('a restricted user over $client', (client) => {
  test('who uses another prefix than its own is told so at init()', async () => {
    const opened = openService(client, { keyPrefix: 'payments' })
    await expect(opened).rejects.toBeInstanceOf(RedisReplyError)
    await expect(opened).rejects.toThrow(/NOPERM.*payments/s)
  })

  test('may move runs of 0.12 in, and delete them', async () => {
    const keyPrefix = testPrefix()
    const service = await openService(client, { keyPrefix })
    const runs = await openRunService(client, keyPrefix)
    const id = await service.createRun('w', {}, true, 'h', { type: 'test' })
    await service.insertStepState(id, 's', null, {})
    const run = `${keyPrefix}:run:${id}`
    const steps = `${keyPrefix}:steps:${id}`
    // As 0.12 leaves a run.
    await service.adapter.send({ key: run, args: ['HDEL', run, 'listed'] })
    await service.adapter.send({ key: steps, args: ['DEL', steps] })
    expect(await runs.migrate()).toEqual({ steps: 1, runs: 1, moved: 1 })
    expect(await runs.deleteRun(id)).toBe(true)
    await service.close()
    await runs.close()
  })

  test('may wait for replicas', async () => {
    const durability = { replicas: 1, timeoutMs: 10 }
    const service = await openService(client, { keyPrefix: testPrefix() })
    const { adapter } = service
    const durable = new client.Service(adapter, { durability })
    const created = durable.createRun('w', {}, true, 'h', { type: 'test' })
    // There is none; a right that it does not have is another error.
    await expect(created).rejects.toBeInstanceOf(RedisNotReplicatedError)
    await service.close()
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
