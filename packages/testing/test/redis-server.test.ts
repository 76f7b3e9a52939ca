import { access } from 'node:fs/promises'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { RawConnection } from '../src/raw-connection.js'
import { RedisServer, type RedisServerOptions } from '../src/redis-server.js'
import { isAlive, startFixture, temporaryFolder } from './support.js'

const ports = vi.hoisted(() => ({ next: [] as number[] }))

vi.mock(import('../src/free-port.js'), async (importOriginal) => {
  const { freePort } = await importOriginal()
  return { freePort: async () => ports.next.shift() ?? freePort() }
})

async function startServer(options?: RedisServerOptions) {
  const server = await RedisServer.start(options)
  onTestFinished(() => server.stop())
  return server
}

async function ask(server: RedisServer, ...args: string[]) {
  const connection = await RawConnection.open(server.url)
  try {
    return await connection.command(...args)
  } finally {
    await connection.close()
  }
}

async function takePort() {
  const other = createServer()
  await new Promise<void>((resolve) =>
    other.listen(0, '127.0.0.1', () => resolve())
  )
  onTestFinished(() => {
    other.close()
  })
  const address = other.address()
  if (!address || typeof address !== 'object') throw new Error('no port')
  return address.port
}

describe('a server that a test starts', () => {
  test('answers as soon as it has started, and keeps nothing on disk', async () => {
    const server = await startServer()
    expect(await ask(server, 'PING')).toBe('PONG')
    expect(await ask(server, 'CONFIG', 'GET', 'save')).toEqual(['save', ''])
    expect(await ask(server, 'CONFIG', 'GET', 'appendonly')).toEqual([
      'appendonly',
      'no',
    ])
    expect(await ask(server, 'CONFIG', 'GET', 'bind')).toEqual([
      'bind',
      '127.0.0.1',
    ])
  })

  test('has the pid that the server itself reports', async () => {
    const server = await startServer()
    expect(String(await ask(server, 'INFO', 'server'))).toContain(
      `process_id:${server.pid}\r\n`
    )
  })

  test('is gone after stop, with the folder that it made', async () => {
    const server = await startServer()
    await server.stop()
    await server.stop()
    expect(await isAlive(server.pid)).toBe(false)
    await expect(access(server.dir)).rejects.toThrow('ENOENT')
    await expect(ask(server, 'PING')).rejects.toThrow('ECONNREFUSED')
  })

  test('leaves a folder alone that the test gave it', async () => {
    const dir = await temporaryFolder()
    const server = await startServer({ dir, args: ['--appendonly', 'yes'] })
    await ask(server, 'SET', 'kept', 'yes')
    await server.stop()
    const next = await startServer({ dir, args: ['--appendonly', 'yes'] })
    expect(await ask(next, 'GET', 'kept')).toBe('yes')
  })

  test('keeps port and folder over a restart', async () => {
    const server = await startServer({ args: ['--appendonly', 'yes'] })
    const { port, dir, pid } = server
    await ask(server, 'SET', 'kept', 'yes')
    await server.restart()
    expect(server).toMatchObject({ port, dir })
    expect(server.pid).not.toBe(pid)
    expect(await ask(server, 'GET', 'kept')).toBe('yes')
  })

  test('comes back after a kill, without what was not saved', async () => {
    const server = await startServer()
    await ask(server, 'SET', 'lost', 'yes')
    await server.kill()
    await expect(ask(server, 'PING')).rejects.toThrow('ECONNREFUSED')
    await server.restart()
    expect(await ask(server, 'GET', 'lost')).toBeNull()
  })

  test('is silent while paused and answers once it is resumed', async () => {
    const server = await startServer()
    const connection = await RawConnection.open(server.url)
    onTestFinished(() => connection.close())
    await connection.command('PING')

    server.pause()
    let answered = false
    const answer = connection.command('PING').finally(() => {
      answered = true
    })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(answered).toBe(false)
    server.resume()
    expect(await answer).toBe('PONG')
  })

  test('can be stopped while it is paused', async () => {
    const server = await startServer()
    server.pause()
    await server.stop()
    expect(await isAlive(server.pid)).toBe(false)
  }, 5_000)

  test('takes another port when a free one was taken in the meantime', async () => {
    const taken = await takePort()
    ports.next = [taken, taken]
    const server = await startServer()
    expect(server.port).not.toBe(taken)
    expect(await ask(server, 'PING')).toBe('PONG')
  })

  test('says why when the port that a test asks for is taken', async () => {
    const port = await takePort()
    await expect(RedisServer.start({ port })).rejects.toThrow(
      /ended with 1.*already in use/is
    )
  })

  test('says why when a setting is wrong', async () => {
    await expect(
      RedisServer.start({ args: ['--no-such-setting', '1'] })
    ).rejects.toThrow(/ended with 1.*no-such-setting/is)
  })

  test('runs in cluster mode', async () => {
    const server = await startServer({ args: ['--cluster-enabled', 'yes'] })
    expect(String(await ask(server, 'INFO', 'cluster'))).toContain(
      'cluster_enabled:1'
    )
  })

  test('leaves no listener on the process behind', async () => {
    const before = process.listenerCount('exit')
    const servers = await Promise.all(
      Array.from({ length: 12 }, () => startServer())
    )
    expect(process.listenerCount('exit')).toBe(before + 1)
    await Promise.all(servers.map((server) => server.stop()))
    expect(process.listenerCount('exit')).toBe(before)
  })
})

async function startParent(mode: string) {
  const parent = await startFixture('start-servers.ts', { args: [mode] })
  const line = await parent.waitForLine((text) => text.startsWith('{'))
  const started: { serverPid: number; workerPid: number; dir: string } =
    JSON.parse(line)
  return { parent, ...started }
}

async function expectNothingLeft(
  started: Awaited<ReturnType<typeof startParent>>
) {
  await vi.waitFor(
    async () => {
      expect(await isAlive(started.serverPid)).toBe(false)
      expect(await isAlive(started.workerPid)).toBe(false)
      await expect(access(started.dir)).rejects.toThrow('ENOENT')
    },
    { timeout: 5_000 }
  )
}

describe('when the process that started a server ends', () => {
  test('by SIGKILL, its server, its worker and their folder go with it', async () => {
    const started = await startParent('wait')
    expect(await isAlive(started.serverPid)).toBe(true)
    expect(await isAlive(started.workerPid)).toBe(true)
    await started.parent.kill('SIGKILL')
    await expectNothingLeft(started)
  })

  test('by SIGKILL, a server that was paused goes with it', async () => {
    const started = await startParent('pause')
    expect(await isAlive(started.serverPid)).toBe(true)
    await started.parent.waitForLine('paused')
    await started.parent.kill('SIGKILL')
    await expectNothingLeft(started)
  })

  test('by process.exit, nothing is left', async () => {
    const started = await startParent('exit')
    expect(await started.parent.exited).toEqual({ code: 0, signal: null })
    await expectNothingLeft(started)
  })

  test('it can end by itself once everything was stopped', async () => {
    const started = await startParent('stop')
    expect(await started.parent.exited).toEqual({ code: 0, signal: null })
    expect(started.parent.stdout).toContain('listeners: 0')
    await expectNothingLeft(started)
  })
})
