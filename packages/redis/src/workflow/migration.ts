import {
  migrationScripts,
  type RedisReply,
  RedisOptionsError,
} from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import { type Entry, entriesOfPublishedStep } from './published-history.js'
import type { StoreContext } from './store-context.js'

export interface MigrationOptions {
  /**
   * Counts what there is to move, and writes nothing.
   * @default false
   */
  dryRun?: boolean
  /**
   * No 0.12 process is left: a step that one had in hand is an orphan, which
   * `recoverOrphanedSteps` takes.
   * @default false
   */
  workersGone?: boolean
  /** Told now and then. */
  onProgress?: (progress: MigrationProgress) => void
}

export interface MigrationProgress {
  /** Steps that no index has yet. */
  steps: number
  /** Runs that were looked at. */
  runs: number
  /** Of these, runs that were moved, or would be. */
  moved: number
}

interface FoundStep {
  name: string
  key: string
  hash: Map<string, string>
}

/**
 * Moves the runs of a prefix that @pikku/redis 0.12 wrote into the indexes, and
 * the attempts of their steps from `step-history` into one history per run. It
 * is the one thing here that scans the keyspace, once for steps and once for
 * runs.
 *
 * Concurrency: 0.12 and this version go on meanwhile. A run that changes while
 * it is moved is read again. What 0.12 does later to a run that was moved is
 * found by the next migration, which moves only what is not in its place.
 *
 * Crash: a run is moved by one script, so it is moved or not. Names of steps
 * that were found stay in a set beside their run until it is moved; starting
 * again goes on from there.
 */
export class Migration {
  readonly #context: StoreContext
  readonly #options: MigrationOptions
  readonly #progress: MigrationProgress = { steps: 0, runs: 0, moved: 0 }
  /** Of a dry run, which leaves no names in Redis. */
  readonly #withFoundSteps = new Set<string>()

  /** @throws RedisOptionsError for a prefix that 0.12 cannot have written. */
  constructor(context: StoreContext, options: MigrationOptions) {
    if (context.keys.partitions !== undefined) {
      throw new RedisOptionsError(
        `The prefix '${context.keys.prefix}' has partitions, which 0.12 knows ` +
          'nothing of: there is nothing to move'
      )
    }
    this.#context = context
    this.#options = options
  }

  async run(): Promise<MigrationProgress> {
    for await (const keys of this.#scan('step')) await this.#findSteps(keys)
    for await (const keys of this.#scan('run')) await this.#moveRuns(keys)
    return { ...this.#progress }
  }

  async *#scan(kind: 'run' | 'step'): AsyncGenerator<string[]> {
    const { runner, keys } = this.#context
    let cursor = '0'
    do {
      const reply = (await runner.send(
        'SCAN',
        cursor,
        'MATCH',
        keys.scanPattern(kind),
        'COUNT',
        '1000'
      )) as [string, RedisReply[]]
      cursor = String(reply[0])
      yield reply[1].map(String)
      this.#options.onProgress?.({ ...this.#progress })
    } while (cursor !== '0')
  }

  /** Notes the names of steps that their run's index does not have. */
  async #findSteps(scanned: readonly string[]): Promise<void> {
    const { runner, keys } = this.#context
    const steps = scanned.map((key) => keys.parseScanned('step', key))
    const scores = await runner.sendAll(
      steps.map(
        ({ runId, stepName }) =>
          ['ZSCORE', keys.stepsKey(runId), stepName] as const
      )
    )
    const found = steps.filter((_, i) => scores[i] === null)
    this.#progress.steps += found.length
    if (this.#options.dryRun) {
      for (const { runId } of found) this.#withFoundSteps.add(runId)
      return
    }
    await runner.sendAll(
      found.map(
        ({ runId, stepName }) =>
          ['SADD', keys.foundStepsKey(runId), stepName] as const
      )
    )
  }

  async #moveRuns(scanned: readonly string[]): Promise<void> {
    const { runner, keys } = this.#context
    const runIds = scanned.map((key) => keys.parseScanned('run', key).runId)
    const seen = await runner.sendAll(
      runIds.flatMap((runId) => [
        ['HMGET', keys.runKey(runId), 'id', 'status', 'listed'] as const,
        ['EXISTS', keys.foundStepsKey(runId)] as const,
      ])
    )
    for (const [i, runId] of runIds.entries()) {
      const [id, status, listed] = seen[2 * i] as Array<string | null>
      if (id !== runId) continue
      this.#progress.runs += 1
      const found = seen[2 * i + 1] === 1 || this.#withFoundSteps.has(runId)
      const isInPlace = listed === status && !found
      if (isInPlace && !this.#options.workersGone) continue
      if (isInPlace && status !== 'running') continue
      this.#progress.moved += 1
      if (!this.#options.dryRun) await this.#moveRun(runId)
    }
  }

  async #moveRun(runId: string): Promise<void> {
    const { runner, keys } = this.#context
    const { run, steps, history } = keys.runKeys(runId)
    const found = keys.foundStepsKey(runId)
    for (;;) {
      const [status, indexed, scanned, ours] = await runner.sendAll([
        ['HGET', run, 'status'],
        ['ZRANGE', steps, '0', '-1'],
        ['SMEMBERS', found],
        ['LRANGE', history, '0', '-1'],
      ])
      // Deleted since the scan.
      if (typeof status !== 'string') return
      const names = [...new Set([...list(indexed), ...list(scanned)])]
      const read = await this.#readSteps(runId, names)
      const entries = await this.#entries(read, list(ours), history)
      const position = new Map(entries.map(({ stepName }, i) => [stepName, i]))
      const { code } = await runner.run(migrationScripts.adoptRun, {
        keys: { ...keys.runScriptKeys(runId), found },
        args: {
          status,
          length: list(ours).length,
          workersGone: this.#options.workersGone ? 1 : '',
          count: read.length,
        },
        rest: [
          ...read.flatMap(({ name, hash }) => [
            name,
            String(position.get(name)),
            hash.get('status') ?? '',
            hash.get('attemptCount') || '1',
            hash.get('updatedAt') ?? '',
            entries[position.get(name) ?? -1]?.stamps ?? '',
          ]),
          ...entries.map(({ text }) => text),
        ],
        moreKeys: read.map(({ key }) => key),
      })
      if (code === 'ok') return
    }
  }

  async #readSteps(
    runId: string,
    names: readonly string[]
  ): Promise<FoundStep[]> {
    const { runner, keys } = this.#context
    const hashes = await runner.sendAll(
      names.map((name) => ['HGETALL', keys.stepKey(runId, name)] as const)
    )
    return names
      .map((name, i) => ({
        name,
        key: keys.stepKey(runId, name),
        hash: toFields(hashes[i] ?? null),
      }))
      .filter(({ hash }) => hash.has('stepId'))
  }

  /** The run's whole history: ours as it is, and what 0.12 knows beyond it. */
  async #entries(
    steps: readonly FoundStep[],
    ours: readonly string[],
    historyKey: string
  ): Promise<Entry[]> {
    const { runner, keys } = this.#context
    const kept = ours.map((text, i) => ownEntry(text, historyKey, i))
    const recorded = await runner.sendAll(
      steps.map(
        ({ hash }) =>
          [
            'ZRANGE',
            keys.publishedHistoryKey(hash.get('stepId') ?? ''),
            '0',
            '-1',
          ] as const
      )
    )
    const theirs = steps.flatMap(({ name, key, hash }, i) =>
      entriesOfPublishedStep(name, hash, list(recorded[i]), key)
    )
    const all = new Map<string, Entry>()
    // The hash is right about a step's latest attempt, our history about others.
    const latest = new Map(theirs.map((entry) => [entry.stepName, entry]))
    for (const entry of [...theirs, ...kept, ...latest.values()]) {
      all.set(`${entry.attempt}:${entry.stepName}`, entry)
    }
    return inOrder([...all.values()])
  }
}

/** By when they began; the attempts of a step by number, whatever their times. */
function inOrder(entries: readonly Entry[]): Entry[] {
  const began = new Map<string, number>()
  return entries
    .toSorted((a, b) => a.attempt - b.attempt)
    .map((entry) => {
      const since = Math.max(entry.createdAt, began.get(entry.stepName) ?? 0)
      began.set(entry.stepName, since)
      return { entry, since }
    })
    .toSorted((a, b) => a.since - b.since || a.entry.attempt - b.entry.attempt)
    .map(({ entry }) => entry)
}

function ownEntry(text: string, key: string, position: number): Entry {
  const entry =
    decodeJson<Record<string, unknown>>(text, key, `[${position}]`) ?? {}
  return {
    stepName: String(entry['stepName']),
    createdAt: Number(entry['createdAt'] ?? 0),
    attempt: Number(entry['attemptCount'] ?? 1),
    text,
    stamps: '',
  }
}

function list(reply: RedisReply | undefined): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
