import { RedisServer } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contenderOf, contenders } from '../src/contenders.ts'
import { type DriverOptions, openDriver } from '../src/driver.ts'
import { type WireCount, WireMeter } from '../src/wire-meter.ts'

/** What a run of 20 steps takes; whoever needs less lowers the number. */
const MOST = { roundTrips: 24, commands: 24, bytesSent: 19_100 }
/** The same, with each write waited for. */
const MOST_WAITING = { roundTrips: 64, commands: 64, bytesSent: 53_900 }
const PUBLISHED = 285

let server: RedisServer

beforeAll(async () => {
  server = await RedisServer.start()
})

afterAll(async () => {
  await server.stop()
})

async function count(
  id: string,
  options: DriverOptions = {}
): Promise<WireCount> {
  const meter = await WireMeter.open(server.url)
  const target = { urls: [meter.url], cluster: false }
  const contender = contenderOf(id)
  const driver = await openDriver(
    { contender, target, keyPrefix: 'workflows' },
    options
  )
  // The first run loads the scripts, and learns the server's clock.
  await driver.run()
  const counted = await meter.count(() => driver.run())
  await driver.close()
  await meter.close()
  return counted
}

describe.each(contenders('ours'))('$label', ({ id }) => {
  test('a run of 20 steps takes no more than it did', async () => {
    const { roundTrips, commands, bytesSent } = await count(id)
    const waits = contenderOf(id).pipelining === false
    const most = waits ? MOST_WAITING : MOST
    expect(roundTrips).toBeLessThanOrEqual(most.roundTrips)
    expect(commands).toBeLessThanOrEqual(most.commands)
    expect(bytesSent).toBeLessThanOrEqual(most.bytesSent)
  })

  test('every script was sent before: no source goes over the wire', async () => {
    const { calls } = await count(id)
    expect(calls).not.toHaveProperty('EVAL')
  })

  test('a result of 1 MB goes over the wire once', async () => {
    const bytes = 1_024 * 1_024
    const { bytesSent, bytesReceived } = await count(id, {
      steps: 2,
      resultBytes: bytes,
    })
    expect(bytesSent).toBeLessThan(2 * bytes + 10_000)
    expect(bytesReceived).toBeLessThan(5_000)
  })
})

test('the floor takes one round trip a step', async () => {
  for (const { id } of contenders('floor')) {
    expect(await count(id)).toMatchObject({
      roundTrips: 20,
      calls: { EVALSHA: 20 },
    })
  }
})

test('the published package is the real one: 285 commands, one by one', async () => {
  const { roundTrips, commands } = await count('published')
  expect({ roundTrips, commands }).toEqual({
    roundTrips: PUBLISHED,
    commands: PUBLISHED,
  })
})
