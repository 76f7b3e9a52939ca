import { RawConnection, RedisServer } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RequestParser } from '../src/request-parser.ts'
import { WireMeter } from '../src/wire-meter.ts'

describe('the request parser', () => {
  const parse = (pieces: Buffer[]) => {
    const names: string[] = []
    const parser = new RequestParser((name) => names.push(name))
    for (const piece of pieces) parser.push(piece)
    return names
  }
  const requests = Buffer.from(
    '*1\r\n$4\r\nping\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$6\r\n*1\r\n$0\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n'
  )

  test('finds commands, whatever is in their arguments', () => {
    expect(parse([requests])).toEqual(['PING', 'SET', 'GET'])
  })

  test('finds them in whichever pieces they come', () => {
    for (const size of [1, 2, 3, 7]) {
      const pieces = Array.from(
        { length: Math.ceil(requests.length / size) },
        (_, i) => requests.subarray(i * size, (i + 1) * size)
      )
      expect(parse(pieces)).toEqual(['PING', 'SET', 'GET'])
    }
  })
})

describe('the wire meter', () => {
  let server: RedisServer
  let meter: WireMeter
  let connection: RawConnection

  beforeAll(async () => {
    server = await RedisServer.start()
    meter = await WireMeter.open(server.url)
    connection = await RawConnection.open(meter.url)
  })

  afterAll(async () => {
    await connection.close()
    await meter.close()
    await server.stop()
  })

  test('counts round trips, commands and bytes', async () => {
    const count = await meter.count(async () => {
      await connection.command('PING')
      await connection.command('SET', 'a', 'b')
    })
    expect(count).toEqual({
      roundTrips: 2,
      commands: 2,
      calls: { PING: 1, SET: 1 },
      bytesSent: 14 + 27,
      bytesReceived: 7 + 5,
    })
  })

  test('what leaves together is one round trip', async () => {
    const count = await meter.count(() =>
      Promise.all([connection.command('PING'), connection.command('PING')])
    )
    expect(count).toMatchObject({ roundTrips: 1, commands: 2 })
  })

  test('commands inside of a script do not count', async () => {
    const script = "redis.call('SET', KEYS[1], '1') redis.call('INCR', KEYS[1])"
    const count = await meter.count(() =>
      connection.command('EVAL', script, 1, 'n')
    )
    expect(count.calls).toEqual({ EVAL: 1 })
  })
})
