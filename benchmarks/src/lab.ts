import { findRedis, RawConnection } from '@pikku/redis-testing'
import { BenchProcess } from './bench-process.ts'
import type { Contender } from './contenders.ts'
import { Pinning } from './pinning.ts'
import type { Request } from './protocol.ts'
import type { Sample, Settings, Target } from './scenario.ts'
import { infoField } from './server-meter.ts'
import { rotated } from './statistics.ts'

/** The prefix that an application has which chooses none. */
const KEY_PREFIX = 'workflows'

export interface Turns {
  readonly scenario: string
  readonly cases: readonly string[]
  contenders(name: string): readonly Contender[]
  /** @default one for each round of the settings */
  readonly rounds?: number
  /**
   * Puts the server into the state that the case is about. Without it, every
   * sample is taken on an empty server.
   */
  prepare?(name: string): Promise<Record<string, string>>
}

interface Server {
  readonly url: string
  readonly raw: RawConnection
  readonly version: string
  readonly pinning: Pinning | undefined
  stop(): Promise<void>
}

/** The server, the processes, and the order in which everybody is measured. */
export class Lab {
  readonly settings: Settings
  readonly target: Target
  readonly serverVersion: string
  /** Who runs on which cores, for the report. */
  readonly cores: string
  readonly log: (line: string) => void
  readonly raw: RawConnection
  readonly #pinning: Pinning | undefined
  readonly #stop: () => Promise<void>
  readonly #processes = new Map<string, BenchProcess>()

  private constructor(
    settings: Settings,
    log: (line: string) => void,
    { url, raw, version, pinning, stop }: Server
  ) {
    this.settings = settings
    this.log = log
    this.target = { urls: [url], cluster: false }
    this.raw = raw
    this.serverVersion = version
    this.#pinning = pinning
    this.cores = pinning?.description ?? 'nobody has cores of their own'
    this.#stop = stop
  }

  static async open(
    settings: Settings,
    log: (line: string) => void
  ): Promise<Lab> {
    const redis = await findRedis({ log })
    log(redis.description)
    const raw = await RawConnection.open(redis.url)
    const isEmpty = !String(await raw.command('INFO', 'keyspace')).includes(
      'keys='
    )
    if (redis.kind === 'url' && !isEmpty) {
      await raw.close()
      throw new Error(
        'REDIS_URL has data, and this flushes its server again and again'
      )
    }
    const info = String(await raw.command('INFO', 'server'))
    const valkey = infoField(info, 'valkey_version')
    const version = valkey
      ? `Valkey ${valkey}`
      : `Redis ${infoField(info, 'redis_version')}`
    const isOwn = redis.kind === 'path' || redis.kind === 'private-copy'
    const mayPin = isOwn && settings.pinned
    const pinning = mayPin
      ? await Pinning.start(Number(infoField(info, 'process_id')))
      : undefined
    const { url } = redis
    const stop = () => redis.stop()
    return new Lab(settings, log, { url, raw, version, pinning, stop })
  }

  /** Takes turns: each round measures every contender once, case by case. */
  async inTurns(turns: Turns): Promise<Sample[]> {
    const { rounds = this.settings.rounds } = turns
    const samples: Sample[] = []
    for (const name of turns.cases) {
      await this.flush()
      const facts = (await turns.prepare?.(name)) ?? {}
      for (let round = 0; round < rounds; round++) {
        for (const contender of rotated(turns.contenders(name), round)) {
          if (!turns.prepare) await this.flush()
          const { id } = contender
          const request = this.request(turns.scenario, id, name, facts)
          const process = await this.process(id)
          const values = await process.measure(request)
          samples.push({ case: name, contender: id, values })
        }
        this.log(`${turns.scenario}, ${name}: round ${round + 1} of ${rounds}`)
      }
    }
    return samples
  }

  request(
    scenario: string,
    contender: string,
    name: string,
    facts: Record<string, string> = {}
  ): Request {
    const { settings, target } = this
    const keyPrefix = KEY_PREFIX
    return {
      scenario,
      contender,
      target,
      keyPrefix,
      case: name,
      settings,
      facts,
    }
  }

  /** Empties the servers: by default this lab's own. */
  async flush(target: Target = this.target): Promise<void> {
    for (const url of target.urls) {
      const raw = url === this.target.urls[0] ? this.raw : undefined
      const connection = raw ?? (await RawConnection.open(url))
      await connection.command('FLUSHALL', 'SYNC')
      if (!raw) await connection.close()
    }
  }

  /**
   * A process that measures nothing but one contender.
   *
   * @param anywhere Whether it may use all cores: see {@link spreadOut}.
   */
  async process(name: string, anywhere = false): Promise<BenchProcess> {
    const key = anywhere ? `${name}, anywhere` : name
    const known = this.#processes.get(key)
    if (known) return known
    const process = await BenchProcess.start()
    this.#processes.set(key, process)
    if (!anywhere) await this.#pinning?.client(process.pid)
    return process
  }

  /** Nobody has cores of their own while the body runs. */
  async spreadOut<T>(body: () => Promise<T>): Promise<T> {
    await this.#pinning?.release()
    try {
      return await body()
    } finally {
      await this.#pinning?.restore()
    }
  }

  /** Ends the measuring processes: the next scenario has fresh ones. */
  async stopProcesses(): Promise<void> {
    const processes = [...this.#processes.values()]
    this.#processes.clear()
    await Promise.all(processes.map((process) => process.stop()))
  }

  async close(): Promise<void> {
    await this.stopProcesses()
    await this.flush()
    await this.raw.close()
    await this.#stop()
  }
}
