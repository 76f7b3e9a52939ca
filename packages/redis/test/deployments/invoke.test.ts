import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import {
  RedisArgumentError,
  RedisDeploymentNotFoundError,
  RedisRemoteCallError,
  RedisSerializationError,
  type RedisDeploymentService,
} from '@pikku/redis'
import { IoRedisAdapter } from '@pikku/redis-ioredis'
import { NodeRedisAdapter } from '@pikku/redis-node-redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf } from '../clients.js'
import { expectRefused } from '../refused.js'
import { CountedAdapter } from '../workflow/counted-adapter.js'
import { CALM, failureOf, Fixture, HOSTILE } from './fixture.js'
import { startUntrustedServer } from './untrusted-server.js'

describe.each(CLIENTS)('a remote call over $client', (client) => {
  let fixture: Fixture
  let caller: RedisDeploymentService

  beforeEach(async () => {
    fixture = await Fixture.open(client)
    caller = fixture.create()
    await caller.init()
  })
  afterEach(() => fixture.end())

  /** A TCP server that does with a connection, or with a request, as told. */
  const rawServer = async (onData: (socket: Socket) => void) => {
    let requests = 0
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        requests++
        onData(socket)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    fixture.onEnd(async () => server.close())
    const { port } = server.address() as AddressInfo
    return { endpoint: `http://127.0.0.1:${port}`, requests: () => requests }
  }

  /** Calls until each of the deployments was asked first at some time. */
  const callOften = async (times = 20) => {
    const results: unknown[] = []
    for (let i = 0; i < times; i++) results.push(await caller.invoke('f', {}))
    return results
  }

  test('posts the data, and gives back what the function returned', async () => {
    const server = await fixture.serve((response) =>
      response.end('{"answer":42}')
    )
    await fixture.deploy('d', server)
    const session = { userId: 'u' }
    const result = await caller.invoke('f', { a: 1 }, session, 'trace-1')
    expect(result).toEqual({ answer: 42 })
    expect(server.requests).toMatchObject([
      {
        url: '/remote/rpc/f',
        body: '{"data":{"a":1}}',
        headers: {
          'content-type': 'application/json',
          'x-request-id': 'trace-1',
        },
      },
    ])
  })

  test('is signed where there are a jwt and the secret', async () => {
    const payloads: unknown[] = []
    const jwt = {
      encode: async (_: unknown, payload: unknown) => {
        payloads.push(payload)
        return 'token'
      },
    }
    const secrets = {
      getSecret: async () => ({ reveal: () => 'x1Y!'.repeat(16) }),
    }
    const server = await fixture.serve()
    await fixture.deploy('d', server)
    const signing = fixture.create(CALM, { jwt, secrets })
    await signing.invoke('f', {}, { userId: 'u' })
    const positional = new client.entry.RedisDeploymentService(
      CALM,
      connectionOf(client),
      fixture.keyPrefix,
      jwt,
      secrets
    )
    fixture.onEnd(() => positional.close())
    await positional.invoke('f', {})
    for (const { headers } of server.requests) {
      expect(headers.authorization).toBe('Bearer token')
    }
    expect(payloads).toMatchObject([
      { aud: 'pikku-remote', fn: 'f', session: expect.any(String) },
      { aud: 'pikku-remote', fn: 'f', session: undefined },
    ])
  })

  test.each(HOSTILE.filter((name) => name.length < 4_000))(
    'finds function %j',
    async (name) => {
      const server = await fixture.serve()
      await fixture.deploy(name, server, [name])
      await caller.invoke(name, undefined)
      const [request] = server.requests
      expect(request).toEqual({
        url: `/remote/rpc/${encodeURIComponent(name)}`,
        body: '{}',
        headers: expect.any(Object),
      })
    }
  )

  test('spreads over the live deployments', async () => {
    const servers = await Promise.all([1, 2, 3, 4].map(() => fixture.serve()))
    for (const [i, server] of servers.entries()) {
      await fixture.deploy(`d${i}`, server)
    }
    await Promise.all(Array.from({ length: 400 }, () => caller.invoke('f', {})))
    const counts = servers.map(({ requests }) => requests.length)
    // 100 each; 50 is five and a half standard deviations away.
    for (const count of counts) expect(count).toBeGreaterThan(50)
    expect(counts.reduce((a, b) => a + b)).toBe(400)
  })

  test('is one round trip to Redis', async () => {
    const url = connectionOf(client) as string
    const adapter = new CountedAdapter(
      client.client === 'ioredis'
        ? IoRedisAdapter.from(url)
        : NodeRedisAdapter.from(url)
    )
    const counted = new client.entry.RedisDeploymentService(CALM, adapter, {
      keyPrefix: fixture.keyPrefix,
    })
    await fixture.deploy('a', await fixture.serve())
    await fixture.deploy('b', await fixture.serve())
    await counted.invoke('f', {})
    adapter.trips.length = 0
    await counted.invoke('f', {})
    expect(adapter.trips).toHaveLength(1)
    const { raw, keys } = fixture
    expect(await raw.command('ZCARD', keys.functionKey('f'))).toBe(2)
  })

  test('works with more deployments than Lua can spread', async () => {
    const server = await fixture.serve()
    await fixture.deploy('d', server)
    const { raw, keys } = fixture
    const key = keys.functionKey('f')
    const expiry = String(await raw.command('ZSCORE', key, 'd'))
    for (let i = 0; i < 9; i++) {
      const others = Array.from({ length: 1_000 }, (_, n) => `${i}-${n}`)
      const entries = others.flatMap((other) => [expiry, other])
      await raw.command('ZADD', key, ...entries)
    }
    expect(await caller.invoke('f', {})).toBe(server.port)
  })

  test('nobody who has the function is an error that names it', async () => {
    await fixture.deploy('d', await fixture.refusing(), ['g'])
    const call = caller.invoke('f', {})
    await expect(call).rejects.toBeInstanceOf(RedisDeploymentNotFoundError)
    await expect(call).rejects.toThrow("No deployment found for function 'f'")
    await expect(call).rejects.toMatchObject({
      code: 'REDIS_DEPLOYMENT_NOT_FOUND',
      funcName: 'f',
    })
  })

  test('an expired deployment is not found, whatever its keys say', async () => {
    const { raw, keys } = fixture
    const server = await fixture.serve()
    await fixture.deploy('d', server)
    const [seconds] = (await raw.command('TIME')) as string[]
    const past = String((Number(seconds) - 1) * 1_000)
    await raw.command('ZADD', keys.functionKey('f'), past, 'd')
    await expect(caller.invoke('f', {})).rejects.toBeInstanceOf(
      RedisDeploymentNotFoundError
    )
  })

  test('skips a deployment that refuses, and asks it last for a while', async () => {
    const server = await fixture.serve()
    await fixture.deploy('dead', await fixture.refusing())
    await fixture.deploy('no-host', 'http://nobody.invalid')
    await fixture.deploy('alive', server)
    const asked: string[] = []
    const { fetch } = globalThis
    globalThis.fetch = (url, init) => {
      asked.push(String(url))
      return fetch(url, init)
    }
    try {
      expect(await callOften(30)).toEqual(Array(30).fill(server.port))
    } finally {
      globalThis.fetch = fetch
    }
    expect(server.requests).toHaveLength(30)
    // Each of the dead was asked at most once, and then the living came first.
    expect(asked.length).toBeLessThanOrEqual(32)
  })

  test('skips a deployment whose certificate nobody trusts', async () => {
    let requests = 0
    const untrusted = await startUntrustedServer(() => requests++)
    fixture.onEnd(async () => untrusted.server.close())
    await fixture.deploy('untrusted', untrusted.endpoint)
    const error = await failureOf(caller.invoke('f', {}))
    expect(error.mayHaveRun).toBe(false)
    expect(error.message).toMatch(/self-signed certificate.*'untrusted'/)
    const server = await fixture.serve()
    await fixture.deploy('trusted', server)
    expect(await callOften(5)).toEqual(Array(5).fill(server.port))
    expect(requests).toBe(0)
  })

  test('one that refused is called all the same when it is the only one', async () => {
    const server = await fixture.serve()
    const { endpoint } = server
    await fixture.deploy('d', server)
    await server.stop()
    await failureOf(caller.invoke('f', {}))
    const back = createServer((socket) =>
      socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
    )
    back.listen(Number(new URL(endpoint).port), '127.0.0.1')
    await once(back, 'listening')
    fixture.onEnd(async () => back.close())
    expect(await caller.invoke('f', {})).toBeUndefined()
  })

  test('all refused is an error with the cause of each', async () => {
    for (const id of ['a', 'b'])
      await fixture.deploy(id, await fixture.refusing())
    const error = await failureOf(caller.invoke('f', {}))
    expect(error).toMatchObject({
      code: 'REDIS_REMOTE_CALL',
      mayHaveRun: false,
      deploymentId: undefined,
      status: undefined,
    })
    expect(error.message).toMatch(/'f' failed: none of 2 deployments/)
    const cause = error.cause as AggregateError
    expect(cause).toBeInstanceOf(AggregateError)
    const ids = cause.errors.map((e: RedisRemoteCallError) => e.deploymentId)
    expect(ids.toSorted()).toEqual(['a', 'b'])
    for (const each of cause.errors) {
      expect(each).toBeInstanceOf(RedisRemoteCallError)
      expect(String(each)).toMatch(/ECONNREFUSED/)
    }
  })

  test('the only one refused is that one error', async () => {
    await fixture.deploy('d', await fixture.refusing())
    const error = await failureOf(caller.invoke('f', {}))
    expect(error).toMatchObject({ deploymentId: 'd', mayHaveRun: false })
    expect(error.message).toMatch(/ECONNREFUSED.*deployment 'd' at http/)
  })

  test.each([400, 404, 429, 500, 502, 503, 504])(
    'status %d is an error, and nobody else is asked',
    async (status) => {
      let calls = 0
      for (const id of ['a', 'b']) {
        const server = await fixture.serve((response) => {
          calls++
          response.writeHead(status).end('{"secret":"geheim"}')
        })
        await fixture.deploy(id, server)
      }
      const error = await failureOf(caller.invoke('f', {}))
      expect(error).toMatchObject({ status, mayHaveRun: true, funcName: 'f' })
      expect(['a', 'b']).toContain(error.deploymentId)
      expect(error.message).toContain(
        `Remote RPC call to 'f' failed: ${status}`
      )
      expect(error.message).not.toContain('geheim')
      expect(calls).toBe(1)
    }
  )

  test.each([
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['ends', (socket: Socket) => socket.end()],
    [
      'ends in the middle of an answer',
      (socket: Socket) =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a'),
    ],
  ])(
    'a connection that %s after the request is not tried elsewhere',
    async (_, onData) => {
      const broken = await Promise.all([rawServer(onData), rawServer(onData)])
      for (const [i, { endpoint }] of broken.entries()) {
        await fixture.deploy(`d${i}`, endpoint)
      }
      const error = await failureOf(caller.invoke('f', {}))
      expect(error.mayHaveRun).toBe(true)
      expect(error.cause).toBeInstanceOf(Error)
      const requests = broken.map((each) => each.requests())
      expect(requests.toSorted()).toEqual([0, 1])
    }
  )

  test('an answer that takes too long is not asked for elsewhere', async () => {
    const silent = await Promise.all([rawServer(() => {}), rawServer(() => {})])
    for (const [i, { endpoint }] of silent.entries()) {
      await fixture.deploy(`d${i}`, endpoint)
    }
    const hasty = fixture.create(CALM, { invokeTimeoutMs: 150 })
    const error = await failureOf(hasty.invoke('f', {}))
    expect(error.message).toContain('no answer within 150 ms')
    expect(error.mayHaveRun).toBe(true)
    expect(silent.map((each) => each.requests()).toSorted()).toEqual([0, 1])
  })

  test('answers: JSON, nothing, and something else', async () => {
    let next = { status: 200, body: '' }
    const server = await fixture.serve((response) =>
      response.writeHead(next.status).end(next.body)
    )
    await fixture.deploy('d', server)
    const answers: Array<[number, string, unknown]> = [
      [200, 'null', null],
      [200, '"text"', 'text'],
      [200, '[]', []],
      [201, '{"__proto__x":1}', { __proto__x: 1 }],
      [200, '', undefined],
      [204, '', undefined],
    ]
    for (const [status, body, expected] of answers) {
      next = { status, body }
      expect(await caller.invoke('f', {})).toEqual(expected)
    }
    next = { status: 200, body: '<html>' }
    const error = await failureOf(caller.invoke('f', {}))
    expect(error).toMatchObject({ status: 200, mayHaveRun: true })
    expect(error.message).toContain('200, its answer is not JSON')
    expect(error.cause).toBeInstanceOf(SyntaxError)
  })

  test('what cannot be sent is refused before anybody is asked', async () => {
    const server = await fixture.serve()
    await fixture.deploy('d', server)
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    await expectRefused([
      [caller.invoke('', {}), RedisArgumentError],
      [caller.invoke('..', {}), RedisArgumentError],
      [caller.invoke(7 as never, {}), RedisArgumentError],
      [caller.invoke('\ud800', {}), RedisArgumentError],
      [caller.invoke('f', cycle), RedisSerializationError],
      [caller.invoke('f', { n: 1n }), RedisSerializationError],
      [caller.invoke('f', {}, undefined, 'a\nb'), RedisArgumentError],
    ])
    expect(server.requests).toEqual([])
  })

  test('a stored endpoint with a password is skipped, and never shown', async () => {
    const { raw, keys } = fixture
    const server = await fixture.serve()
    for (const endpoint of ['http://u:geheim@10.0.0.1', 'no URL geheim']) {
      await fixture.deploy('d', server)
      await raw.command('HSET', keys.endpoints, 'd', endpoint)
      const error = await failureOf(caller.invoke('f', {}))
      expect(error).toMatchObject({ mayHaveRun: false, deploymentId: 'd' })
      expect(error.message).toContain('its endpoint cannot be called')
      expect(error.stack).not.toContain('geheim')
    }
    await fixture.deploy('e', server)
    expect(await caller.invoke('f', {})).toBe(server.port)
  })
})
