import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ServerOptions } from './server.ts'

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url))

/** A process of `server.ts`. */
export class ServerProcess {
  readonly name: string
  readonly port: number
  readonly #process: ChildProcess

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name
    this.port = port
    this.#process = child
  }

  static async start(options: ServerOptions): Promise<ServerProcess> {
    const child = fork(SERVER, {
      env: { ...process.env, SERVER: JSON.stringify(options) },
    })
    const [port] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`Server ${options.name} did not start`)
      }),
    ])
    return new ServerProcess(options.name, port as number, child)
  }

  get pid(): number {
    return this.#process.pid!
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  /** Waits until it is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { exitCode, signalCode } = this.#process
    if (exitCode !== null || signalCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.kill(signal)
    await gone
  }
}
