import { execFile } from 'node:child_process'
import { cpus } from 'node:os'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const CORES = cpus().length

/**
 * Which cores the server and the measuring processes have. Left alone, a kernel
 * puts client and server on one core or on two as it likes, and a round trip
 * takes 20 µs or 60 µs: medians of that say nothing. A server on a core of its
 * own is also nearer to one on a machine of its own.
 */
const SERVER = String(CORES - 1)
const CLIENT = CORES > 2 ? `0-${CORES - 2}` : '0'
const ALL = `0-${CORES - 1}`

export class Pinning {
  readonly #serverPid: number

  private constructor(serverPid: number) {
    this.#serverPid = serverPid
  }

  /** @returns Nothing where there is one core, no taskset, or another's server. */
  static async start(serverPid: number): Promise<Pinning | undefined> {
    if (CORES < 2) return undefined
    try {
      await pin(serverPid, SERVER)
      return new Pinning(serverPid)
    } catch {
      return undefined
    }
  }

  get description(): string {
    return `server on core ${SERVER}, clients on ${CLIENT}`
  }

  async client(pid: number): Promise<void> {
    await pin(pid, CLIENT)
  }

  /** For measurements of several processes: everybody goes everywhere. */
  async release(): Promise<void> {
    await pin(this.#serverPid, ALL)
  }

  async restore(): Promise<void> {
    await pin(this.#serverPid, SERVER)
  }
}

async function pin(pid: number, cores: string): Promise<void> {
  await execute('taskset', ['-a', '-c', '-p', cores, String(pid)])
}
