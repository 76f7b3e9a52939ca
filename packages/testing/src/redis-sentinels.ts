import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { startGuardedProcess, type GuardedProcess } from './guarded-process.js'
import { RawConnection } from './raw-connection.js'
import { RedisServer } from './redis-server.js'
import { until } from './until.js'

const HOST = '127.0.0.1'
const SENTINELS = 3
const QUORUM = 2

export interface RedisSentinelsOptions {
  /** @default 2 */
  readonly replicas?: number
  /** After so long without an answer a server counts as down, in ms. @default 500 */
  readonly downAfterMs?: number
}

/**
 * A master with replicas, and three sentinels that make a replica the master
 * when the master is gone. All are real processes that die with the test.
 */
export class RedisSentinels {
  /** What the sentinels call the master. */
  readonly name = 'pikku'
  /** The first one was the master at the start. */
  readonly servers: readonly RedisServer[]
  readonly #sentinels: readonly Sentinel[]

  private constructor(
    servers: readonly RedisServer[],
    sentinels: readonly Sentinel[]
  ) {
    this.servers = servers
    this.#sentinels = sentinels
  }

  static async start({
    replicas = 2,
    downAfterMs = 500,
  }: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
    // A master waits for more replicas by default, before it feeds the first.
    const eager = ['--repl-diskless-sync-delay', '0']
    const master = await RedisServer.start({ args: eager })
    const servers = [master]
    const sentinels: Sentinel[] = []
    const all = new RedisSentinels(servers, sentinels)
    try {
      const args = [...eager, '--replicaof', master.host, String(master.port)]
      while (servers.length <= replicas) {
        servers.push(await RedisServer.start({ args }))
      }
      const watch = watchedBy(all.name, master, downAfterMs)
      while (sentinels.length < SENTINELS) {
        sentinels.push(await Sentinel.start(watch))
      }
      await until(() => isFeeding(master, replicas), 'a replica has no link')
      await until(() => all.#isReady(replicas), 'the sentinels are not ready')
    } catch (error) {
      await all.stop()
      throw error
    }
    return all
  }

  /** Where the sentinels are. */
  get addresses(): Array<{ host: string; port: number }> {
    return this.#sentinels.map(({ port }) => ({ host: HOST, port }))
  }

  /** The server that the sentinels call the master now. */
  async master(): Promise<RedisServer> {
    const [, port] = await this.#ask('get-master-addr-by-name')
    const server = this.servers.find((server) => server.port === Number(port))
    if (!server) throw new Error(`No server of ours has port ${String(port)}`)
    return server
  }

  /** Waits until another server than this one is the master, and writable. */
  async failedOverFrom(old: RedisServer): Promise<RedisServer> {
    await until(async () => {
      const master = await this.master()
      if (master === old) return false
      const raw = await RawConnection.open(master.url)
      try {
        const [role] = (await raw.command('ROLE')) as [string]
        return role === 'master'
      } finally {
        await raw.close()
      }
    }, 'no replica became the master')
    return this.master()
  }

  /** Ends every process. Safe to call twice. */
  async stop(): Promise<void> {
    await Promise.all(this.#sentinels.map((sentinel) => sentinel.stop()))
    await Promise.all(this.servers.map((server) => server.stop()))
  }

  async #ask(question: string): Promise<unknown[]> {
    const { raw } = this.#sentinels[0]!
    return (await raw.command('SENTINEL', question, this.name)) as unknown[]
  }

  /** Every sentinel knows the replicas and the other sentinels. */
  async #isReady(replicas: number): Promise<boolean> {
    const answers = await Promise.all(
      this.#sentinels.map(async ({ raw }) => {
        const known = await raw.command('SENTINEL', 'master', this.name)
        const fields = known as string[]
        const value = (name: string) => fields[fields.indexOf(name) + 1]
        return [value('num-slaves'), value('num-other-sentinels')]
      })
    )
    const wanted = [String(replicas), String(SENTINELS - 1)].join()
    return answers.every((answer) => answer.join() === wanted)
  }
}

class Sentinel {
  readonly port: number
  readonly raw: RawConnection
  readonly #process: GuardedProcess
  readonly #dir: string

  private constructor(
    port: number,
    raw: RawConnection,
    process: GuardedProcess,
    dir: string
  ) {
    this.port = port
    this.raw = raw
    this.#process = process
    this.#dir = dir
  }

  static async start(watch: Watch): Promise<Sentinel> {
    const dir = await mkdtemp(join(tmpdir(), 'pikku-redis-sentinel-'))
    const port = await freePort()
    const file = join(dir, 'sentinel.conf')
    // A sentinel writes what it learns into its file, so it needs its own.
    const settings = [`port ${port}`, `bind ${HOST}`, `dir ${dir}`]
    await writeFile(file, [...settings, ...watch.settings].join('\n'))
    const { path, env } = watch.binary
    const child = await startGuardedProcess(path, [file, '--sentinel'], {
      env: { ...process.env, ...env },
      folder: dir,
    })
    child.stdin.end()
    child.stdout.resume()
    child.stderr.resume()
    let raw: RawConnection | undefined
    await until(async () => {
      if (child.hasExited()) throw new Error('a sentinel ended at its start')
      raw = await RawConnection.open(`redis://${HOST}:${port}`).catch(
        () => undefined
      )
      return raw !== undefined
    }, 'a sentinel does not answer')
    return new Sentinel(port, raw!, child, dir)
  }

  async stop(): Promise<void> {
    await this.raw.close()
    this.#process.kill('SIGKILL')
    await this.#process.exited
    await rm(this.#dir, { recursive: true, force: true })
  }
}

async function isFeeding(
  master: RedisServer,
  replicas: number
): Promise<boolean> {
  const raw = await RawConnection.open(master.url)
  const info = String(await raw.command('INFO', 'replication'))
  await raw.close()
  return info.split('state=online').length - 1 === replicas
}

interface Watch {
  readonly binary: RedisServer['binary']
  readonly settings: readonly string[]
}

function watchedBy(
  name: string,
  { host, port, binary }: RedisServer,
  downAfterMs: number
): Watch {
  return {
    binary,
    settings: [
      `sentinel monitor ${name} ${host} ${port} ${QUORUM}`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} 5000`,
      `sentinel parallel-syncs ${name} 2`,
      '',
    ],
  }
}
