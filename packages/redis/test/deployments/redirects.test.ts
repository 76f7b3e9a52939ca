import type { RedisDeploymentService } from '@pikku/redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { CALM, failureOf, Fixture } from './fixture.js'

describe.each(CLIENTS)('a redirected call over $client', (client) => {
  let fixture: Fixture
  let caller: RedisDeploymentService

  beforeEach(async () => {
    fixture = await Fixture.open(client)
    caller = fixture.create()
    await caller.init()
  })
  afterEach(() => fixture.end())

  test('a redirect to an address that refuses is not tried elsewhere', async () => {
    // Somebody has had the request by then.
    const gone = await fixture.refusing()
    const redirecting = await fixture.serve((response) =>
      response.writeHead(307, { location: `${gone}/x` }).end()
    )
    await fixture.deploy('d', redirecting)
    const error = await failureOf(caller.invoke('f', {}))
    expect(error.mayHaveRun).toBe(true)
  })

  test('a redirect that repeats the request is followed, without the token elsewhere', async () => {
    const target = await fixture.serve()
    const server = await fixture.serve((response, { url }) =>
      url.startsWith('/moved')
        ? response
            .writeHead(308, { location: `${target.endpoint}${url}` })
            .end()
        : response.writeHead(307, { location: `/moved${url}` }).end()
    )
    await fixture.deploy('d', server)
    const signing = fixture.create(CALM, {
      jwt: { encode: async () => 'token' },
      secrets: {
        getSecret: async () => ({ reveal: () => 'x1Y!'.repeat(16) }),
      },
    })
    expect(await signing.invoke('f', { a: 1 })).toBe(target.port)
    expect(server.requests.map((r) => r.headers.authorization)).toEqual([
      'Bearer token',
      'Bearer token',
    ])
    const [request] = target.requests
    expect(request).toMatchObject({
      url: '/moved/remote/rpc/f',
      body: '{"data":{"a":1}}',
    })
    expect(request!.headers).not.toHaveProperty('authorization')
  })

  test.each([302, 303])('redirect %d is no result', async (status) => {
    const target = await fixture.serve()
    const server = await fixture.serve((response) =>
      response.writeHead(status, { location: target.endpoint }).end()
    )
    await fixture.deploy('d', server)
    const error = await failureOf(caller.invoke('f', {}))
    expect(error).toMatchObject({ status, mayHaveRun: true })
    expect(target.requests).toEqual([])
  })

  test('an endless redirect ends', async () => {
    const server = await fixture.serve((response) =>
      response.writeHead(307, { location: '/' }).end()
    )
    await fixture.deploy('d', server)
    const error = await failureOf(caller.invoke('f', {}))
    expect(error.status).toBe(307)
    expect(server.requests.length).toBeLessThan(10)
  })
})
