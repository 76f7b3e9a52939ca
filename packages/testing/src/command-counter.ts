import { RawConnection } from './raw-connection.js'

export interface CommandCount {
  readonly total: number
  /** Calls by command name in lower case, subcommands as `client|list`. */
  readonly calls: Record<string, number>
}

/**
 * Counts the commands that a server runs between `start` and `stop`. The server counts for all its clients, and
 * counts the commands inside a script as well as the script: give it a server of its own. It compares two
 * snapshots, because CONFIG RESETSTAT would spoil the numbers of another counter. Its own commands are left out.
 */
export class CommandCounter {
  #connection: RawConnection
  #before: Map<string, number>

  private constructor(connection: RawConnection, before: Map<string, number>) {
    this.#connection = connection
    this.#before = before
  }

  static async start(url: string): Promise<CommandCounter> {
    const connection = await RawConnection.open(url)
    try {
      return new CommandCounter(connection, await readCalls(connection))
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  async stop(): Promise<CommandCount> {
    try {
      const after = await readCalls(this.#connection)
      const counts = new Map<string, number>()
      for (const [name, calls] of after) {
        // The server counts a command when it is done: of our two INFO, only the first is in `after`.
        const own = name === 'info' ? 1 : 0
        const count = calls - (this.#before.get(name) ?? 0) - own
        if (count > 0) counts.set(name, count)
      }
      return {
        total: [...counts.values()].reduce((sum, count) => sum + count, 0),
        calls: Object.fromEntries(counts),
      }
    } finally {
      await this.#connection.close()
    }
  }
}

async function readCalls(
  connection: RawConnection
): Promise<Map<string, number>> {
  const info = String(await connection.command('INFO', 'commandstats'))
  const calls = new Map<string, number>()
  for (const [, name, count] of info.matchAll(/^cmdstat_(.+?):calls=(\d+)/gm)) {
    calls.set(name!, Number(count))
  }
  return calls
}
