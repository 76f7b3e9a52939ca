import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FromChild, Request, ToChild } from './protocol.ts'
import type { Values } from './scenario.ts'

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))

/** One process that measures. It ends with this one. */
export class BenchProcess {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(): Promise<BenchProcess> {
    const child = fork(CHILD, { execArgv: ['--expose-gc'] })
    const process = new BenchProcess(child)
    await process.#next('started')
    return process
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** @param allWarm Resolves when the measuring may begin. */
  async measure(
    request: Request,
    allWarm: () => Promise<void> = async () => {}
  ): Promise<Values> {
    this.#tell({ kind: 'measure', request })
    for (;;) {
      const message = await this.#next('warm', 'done')
      if (message.kind === 'done') return message.values
      await allWarm()
      this.#tell({ kind: 'begin' })
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill()
    await gone
  }

  #tell(message: ToChild): void {
    this.#child.send(message)
  }

  #next(...kinds: Array<FromChild['kind']>): Promise<FromChild> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#child.off('message', onMessage)
        this.#child.off('exit', onExit)
      }
      const onMessage = (message: FromChild) => {
        settle()
        if (kinds.includes(message.kind)) return resolve(message)
        reject(
          new Error('error' in message ? message.error : `Got ${message.kind}`)
        )
      }
      const onExit = (code: number | null) => {
        settle()
        reject(new Error(`The measuring process ended with ${code}`))
      }
      this.#child.on('message', onMessage)
      this.#child.on('exit', onExit)
    })
  }
}
