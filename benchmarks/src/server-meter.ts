import { RawConnection } from '@pikku/redis-testing'

/** What servers say about themselves, over connections of its own. */
export class ServerMeter {
  readonly #connections: readonly RawConnection[]

  private constructor(connections: readonly RawConnection[]) {
    this.#connections = connections
  }

  static async open(urls: readonly string[]): Promise<ServerMeter> {
    return new ServerMeter(
      await Promise.all(urls.map((url) => RawConnection.open(url)))
    )
  }

  /** CPU time of all servers so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    const [user, system] = await Promise.all([
      this.#sum('cpu', 'used_cpu_user'),
      this.#sum('cpu', 'used_cpu_sys'),
    ])
    return user + system
  }

  async usedMemory(): Promise<number> {
    return this.#sum('memory', 'used_memory')
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((one) => one.close()))
  }

  async #sum(section: string, field: string): Promise<number> {
    const infos = await Promise.all(
      this.#connections.map((one) => one.command('INFO', section))
    )
    return infos.reduce<number>(
      (sum, info) => sum + Number(infoField(String(info), field)),
      0
    )
  }
}

export function infoField(info: string, field: string): string | undefined {
  return new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(info)?.[1]
}
