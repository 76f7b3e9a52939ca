import {
  RedisDeploymentNotFoundError,
  type RedisDeploymentService,
} from '@pikku/redis'
import { until, WorkerProcess } from '@pikku/redis-testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS, connectionOf } from '../clients.js'
import { Fixture } from './fixture.js'
import type { DeploymentSetup } from './workers/protocol.js'

const CONFIG = { heartbeatInterval: 100, heartbeatTtl: 500 }

describe.each(CLIENTS)('a process that is a deployment, $client', (client) => {
  let fixture: Fixture
  let caller: RedisDeploymentService

  beforeEach(async () => {
    fixture = await Fixture.open(client)
    caller = fixture.create()
    await caller.init()
  })
  afterEach(() => fixture.end())

  const startProcess = async (
    deploymentId: string,
    functions = ['f', 'g']
  ): Promise<WorkerProcess> => {
    const setup: DeploymentSetup = {
      client: client.client,
      connection: connectionOf(client),
      keyPrefix: fixture.keyPrefix,
      config: CONFIG,
      deploymentId,
      functions,
    }
    const worker = await WorkerProcess.start(
      new URL('./workers/deployment-worker.ts', import.meta.url),
      { env: { DEPLOYMENT: JSON.stringify(setup) } }
    )
    fixture.onEnd(() => worker.kill())
    await worker.waitForLine('ready', 30_000)
    return worker
  }

  const isFound = (funcName = 'f') =>
    caller.invoke(funcName, {}).then(
      () => true,
      (error: unknown) => {
        expect(error).toBeInstanceOf(RedisDeploymentNotFoundError)
        return false
      }
    )

  test('that is killed is not found any more once its TTL has passed', async () => {
    const [killed, living] = await Promise.all([
      startProcess('killed'),
      startProcess('living', ['f']),
    ])
    expect(await isFound('g')).toBe(true)
    await killed.kill()
    // Calls go on without a failure: the dead one refuses, and is skipped.
    for (let i = 0; i < 20; i++) {
      expect(await caller.invoke('f', {})).toBe(living.pid)
    }
    await until(async () => (await fixture.left('killed', [])).length === 3)
    await expect(caller.invoke('g', {})).rejects.toBeInstanceOf(
      RedisDeploymentNotFoundError
    )
    await until(async () => (await fixture.deploymentsOf('g')).length === 0)
    expect(await fixture.deploymentsOf('f')).toEqual(['living'])
  })

  test('the TTL is by the clock of the server, whatever the others say', async () => {
    const { raw, keys } = fixture
    await startProcess('d')
    const { now } = Date
    try {
      Date.now = () => now() + 3_600_000
      expect(await isFound()).toBe(true)
      const service = await fixture.deploy('e', 'http://10.0.0.1:1', ['h'])
      const [seconds] = (await raw.command('TIME')) as string[]
      const key = keys.functionKey('h')
      const expiry = Number(await raw.command('ZSCORE', key, 'e'))
      expect(expiry - Number(seconds) * 1_000).toBeLessThan(65_000)
      await service.stop()
    } finally {
      Date.now = now
    }
  })

  test('that was paused for longer than its TTL comes back whole', async () => {
    const worker = await startProcess('d')
    const before = await fixture.hash('d')
    await worker.kill('SIGSTOP')
    await until(async () => (await fixture.hash('d'))['endpoint'] === undefined)
    await until(async () =>
      caller.invoke('f', {}).then(
        () => false,
        (error: unknown) => error instanceof RedisDeploymentNotFoundError
      )
    )
    await worker.kill('SIGCONT')
    await until(() => isFound('f'))
    expect(await caller.invoke('g', {})).toBe(worker.pid)
    expect(await fixture.hash('d')).toEqual(before)
    await worker.waitForLine(/'d' had gone, and is back whole/)
  })

  test('that was paused while another took its id over leaves it to that one', async () => {
    const old = await startProcess('d')
    await old.kill('SIGSTOP')
    const started = await startProcess('d', ['f'])
    await old.kill('SIGCONT')
    await old.waitForLine(/'d' was started by another process/)
    for (let i = 0; i < 10; i++) {
      expect(await caller.invoke('f', {})).toBe(started.pid)
    }
    await old.kill('SIGTERM')
    expect(await caller.invoke('f', {})).toBe(started.pid)
    await expect(caller.invoke('g', {})).rejects.toBeInstanceOf(
      RedisDeploymentNotFoundError
    )
  })

  test('that stops in good order leaves nothing', async () => {
    const worker = await startProcess('d')
    await worker.kill('SIGTERM')
    expect((await worker.exited).code).toBe(0)
    expect(await fixture.left('d', ['f', 'g'])).toEqual([])
  })
})
