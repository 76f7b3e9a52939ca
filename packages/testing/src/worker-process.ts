import { fileURLToPath } from 'node:url'
import {
  startGuardedProcess,
  type GuardedProcess,
  type ProcessExit,
} from './guarded-process.js'

const LINE_DEADLINE_MS = 10_000

/** Lets a `.ts` file import its neighbours by their `.js` names. */
const RESOLVE_TS = new URL('../resolve-ts.mjs', import.meta.url).href

export interface WorkerProcessOptions {
  /** Added to this process's environment; `undefined` takes a variable out. */
  readonly env?: NodeJS.ProcessEnv
  readonly args?: readonly string[]
  /** For node itself, such as `['--import', './hook.js']`. */
  readonly execArgv?: readonly string[]
  readonly cwd?: string
}

/** A node process that runs one file, to be watched and killed by a test. It dies with the test process. */
export class WorkerProcess {
  readonly file: string
  readonly exited: Promise<ProcessExit>
  #process: GuardedProcess
  #stdout = ''
  #stderr = ''
  #lines: string[] = []
  #listeners = new Set<() => void>()

  private constructor(file: string, child: GuardedProcess) {
    this.file = file
    this.#process = child
    this.exited = child.exited
    let unfinished = ''
    const addLine = (line: string) => {
      this.#lines.push(line)
      for (const listener of this.#listeners) listener()
    }
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk
      const lines = (unfinished + chunk).split(/\r?\n/)
      unfinished = lines.pop() ?? ''
      for (const line of lines) addLine(line)
    })
    child.stdout.once('end', () => {
      if (unfinished) addLine(unfinished)
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk
    })
  }

  static async start(
    file: string | URL,
    { env, args = [], execArgv = [], cwd }: WorkerProcessOptions = {}
  ): Promise<WorkerProcess> {
    const path = file instanceof URL ? fileURLToPath(file) : file
    const hook = path.endsWith('.ts') ? ['--import', RESOLVE_TS] : []
    const child = await startGuardedProcess(
      process.execPath,
      [...hook, ...execArgv, path, ...args],
      { env: { ...process.env, ...env }, cwd }
    )
    return new WorkerProcess(path, child)
  }

  get pid(): number {
    return this.#process.pid
  }

  /** Everything that the process printed so far. */
  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** The finished lines of stdout so far. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /**
   * The first line of stdout that fits, printed already or still to come, so that nothing is missed between
   * starting and waiting. Rejects when the process ends or the deadline passes without such a line.
   */
  waitForLine(
    predicate: string | RegExp | ((line: string) => boolean),
    deadlineMs = LINE_DEADLINE_MS
  ): Promise<string> {
    const fits = toFunction(predicate)
    let seen = 0
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(deadline)
        this.#listeners.delete(look)
        settle()
      }
      const fail = (what: string) =>
        finish(() => reject(new Error(this.#report(what))))
      const look = () => {
        while (seen < this.#lines.length) {
          const line = this.#lines[seen++]!
          if (fits(line)) return finish(() => resolve(line))
        }
      }
      const deadline = setTimeout(
        () => fail(`printed no such line within ${deadlineMs} ms`),
        deadlineMs
      )
      this.#listeners.add(look)
      look()
      void this.exited.then(({ code, signal }) =>
        fail(`ended with ${signal ?? code} and printed no such line`)
      )
    })
  }

  /** Writes a line to the process's stdin. */
  writeLine(line: string): void {
    this.#process.stdin.write(`${line}\n`)
  }

  /** Sends the signal; for one that ends the process, waits until it is gone. @default 'SIGKILL' */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#process.kill(signal)
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') {
      await this.exited
    }
  }

  #report(what: string): string {
    return `${this.file} ${what}\nstdout:\n${this.#stdout}\nstderr:\n${this.#stderr}`
  }
}

function toFunction(
  predicate: string | RegExp | ((line: string) => boolean)
): (line: string) => boolean {
  if (typeof predicate === 'function') return predicate
  if (typeof predicate === 'string') return (line) => line === predicate
  return (line) => line.search(predicate) !== -1
}
