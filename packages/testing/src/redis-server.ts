import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { startGuardedProcess, type GuardedProcess } from './guarded-process.js'
import type { RedisBinary } from './inspect-redis-binary.js'
import { findRedisBinary } from './redis-binary.js'

const HOST = '127.0.0.1'
const READY = 'Ready to accept connections'
const START_DEADLINE_MS = 20_000
const STOP_DEADLINE_MS = 15_000
const PORT_TRIES = 5
const KEPT_OUTPUT = 64 * 1024

export interface RedisServerOptions {
  /**
   * More redis-server settings, such as `['--appendonly', 'yes']`; they win over the defaults. The log level has
   * to stay at `notice` and the log on stdout: that is where the server says that it is ready.
   */
  readonly args?: readonly string[]
  /** @default a free port */
  readonly port?: number
  /** @default a temporary folder that `stop()` removes */
  readonly dir?: string
  /** @default findRedisBinary() */
  readonly binary?: RedisBinary
}

/** One real server process in the hands of a test. It dies with the test process, however that one ends. */
export class RedisServer {
  readonly port: number
  readonly dir: string
  readonly binary: RedisBinary
  #args: readonly string[]
  #ownsDir: boolean
  #process: GuardedProcess
  #output: () => string

  private constructor(
    settings: ServerSettings,
    { server, output }: StartedServer
  ) {
    this.port = settings.port
    this.dir = settings.dir
    this.binary = settings.binary
    this.#args = settings.args
    this.#ownsDir = settings.ownsDir
    this.#process = server
    this.#output = output
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const binary = options.binary ?? (await findRedisBinary())
    const ownsDir = options.dir === undefined
    const dir =
      options.dir ?? (await mkdtemp(join(tmpdir(), 'pikku-redis-server-')))
    const args = options.args ?? []
    try {
      for (let attempt = 1; ; attempt++) {
        const port = options.port ?? (await freePort())
        const settings = { binary, dir, ownsDir, args, port }
        try {
          return new RedisServer(settings, await startServer(settings))
        } catch (error) {
          // Someone took the free port before the server did: another one will do.
          const mayRetry = options.port === undefined && attempt < PORT_TRIES
          if (!(mayRetry && error instanceof PortTakenError)) throw error
        }
      }
    } catch (error) {
      if (ownsDir) await removeFolder(dir)
      throw error
    }
  }

  get url(): string {
    return `redis://${HOST}:${this.port}`
  }

  get host(): string {
    return HOST
  }

  get pid(): number {
    return this.#process.pid
  }

  /** The last things that the server printed. */
  get output(): string {
    return this.#output()
  }

  /** Ends the server in good order and removes the folder that it made. Safe to call twice. */
  async stop(): Promise<void> {
    await this.#terminate()
    if (this.#ownsDir) await removeFolder(this.dir)
  }

  /** SIGKILL: no time to save anything. `restart()` brings it back, `stop()` cleans up. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#process.exited
  }

  /** Ends the server if it runs, and starts it again on the same port and folder. */
  async restart(): Promise<void> {
    await this.#terminate()
    const { server, output } = await startServer({
      binary: this.binary,
      dir: this.dir,
      ownsDir: this.#ownsDir,
      args: this.#args,
      port: this.port,
    })
    this.#process = server
    this.#output = output
  }

  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  async #terminate(): Promise<void> {
    const server = this.#process
    server.kill('SIGTERM')
    // A paused server would never see the signal.
    server.kill('SIGCONT')
    const giveUp = setTimeout(() => server.kill('SIGKILL'), STOP_DEADLINE_MS)
    await server.exited
    clearTimeout(giveUp)
  }
}

interface ServerSettings {
  readonly binary: RedisBinary
  readonly dir: string
  readonly ownsDir: boolean
  readonly args: readonly string[]
  readonly port: number
}

interface StartedServer {
  readonly server: GuardedProcess
  readonly output: () => string
}

class PortTakenError extends Error {
  override readonly name = 'PortTakenError'
}

async function startServer({
  binary,
  dir,
  ownsDir,
  args,
  port,
}: ServerSettings): Promise<StartedServer> {
  const defaults = {
    port: String(port),
    bind: HOST,
    dir,
    daemonize: 'no',
    save: '',
    appendonly: 'no',
    loglevel: 'notice',
  }
  const server = await startGuardedProcess(
    binary.path,
    [...asArgs(defaults), ...args],
    {
      env: { ...process.env, ...binary.env },
      folder: ownsDir ? dir : undefined,
    }
  )
  server.stdin.end()
  let output = ''
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-KEPT_OUTPUT)
  }
  server.stderr.setEncoding('utf8').on('data', keep)
  server.stdout.setEncoding('utf8').on('data', keep)

  let deadline: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const lookForReady = () => {
        if (!output.includes(READY)) return
        server.stdout.off('data', lookForReady)
        resolve()
      }
      server.stdout.on('data', lookForReady)
      deadline = setTimeout(
        () => reject(startError(binary, port, 'is not ready in time', output)),
        START_DEADLINE_MS
      )
      void server.exited.then(({ code, signal }) =>
        reject(startError(binary, port, `ended with ${signal ?? code}`, output))
      )
    })
  } catch (error) {
    server.kill('SIGKILL')
    await server.exited
    throw error
  } finally {
    clearTimeout(deadline)
  }
  return { server, output: () => output }
}

function asArgs(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [
    `--${name}`,
    value,
  ])
}

function startError(
  { path }: RedisBinary,
  port: number,
  what: string,
  output: string
): Error {
  const message = `${path} on port ${port} ${what}:\n${output.trim()}`
  return /address already in use/i.test(output)
    ? new PortTakenError(message)
    : new Error(message)
}

function removeFolder(dir: string): Promise<void> {
  return rm(dir, { recursive: true, force: true, maxRetries: 3 })
}
