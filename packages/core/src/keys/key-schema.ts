import { RedisArgumentError, RedisOptionsError } from '../errors.js'
import { checkedPrefix, globOf, name, part } from './key-parts.js'

export interface KeySchemaOptions {
  /**
   * The start of every key.
   * @default 'workflows'
   */
  prefix?: string
  /**
   * Into how many hash slots runs are spread in a cluster. Unset: no hash tag
   * in any key, which is the layout for a single server.
   */
  partitions?: number
}

/** What a step id is made of: see {@link KeySchema.stepId}. */
export interface StepIdParts {
  runId: string
  stepName: string
}

/** All the keys of one run, named as the scripts name them. */
export interface RunKeys {
  run: string
  lock: string
  steps: string
  history: string
  state: string
  pendingSteps: string
}

/** The indexes that a run is in: one set of them for each partition. */
export interface IndexKeys {
  listing: string
  counts: string
  idle: string
  pending: string
  leases: string
}

const MAX_PARTITIONS = 16_384

/**
 * The keys of workflows.
 *
 * A run and everything that belongs to it share one hash tag when `partitions`
 * is set, so that a transition stays one script on one node of a cluster.
 *
 * Keys are `{prefix}:{kind}:{runId}[:{stepName}]`. A step name may hold any
 * character, colons too, because it is the last part; a run id may not hold a
 * colon, so one that does (it cannot be ours) has its colons encoded and thus
 * never meets the key of a run that exists.
 */
export class KeySchema {
  readonly prefix: string
  readonly partitions: number | undefined

  constructor(options: KeySchemaOptions = {}) {
    const { prefix = 'workflows', partitions } = options
    checkedPrefix(prefix)
    if (partitions !== undefined) {
      if (
        !Number.isInteger(partitions) ||
        partitions < 1 ||
        partitions > MAX_PARTITIONS
      ) {
        throw new RedisOptionsError(
          `partitions must be a whole number from 1 to ${MAX_PARTITIONS}, ` +
            `not ${String(partitions)}`
        )
      }
      if (/[{}]/.test(prefix)) {
        throw new RedisOptionsError(
          `keyPrefix '${prefix}' has a brace: with partitions, the hash tag ` +
            'is ours to set'
        )
      }
    }
    this.prefix = prefix
    this.partitions = partitions
  }

  runKey(runId: string): string {
    return `${this.#tagged(runId)}:run:${runPart(runId)}`
  }

  lockKey(runId: string): string {
    return `${this.#tagged(runId)}:lock:${runPart(runId)}`
  }

  /** The index of a run's step names; its scores are positions in history. */
  stepsKey(runId: string): string {
    return `${this.#tagged(runId)}:steps:${runPart(runId)}`
  }

  historyKey(runId: string): string {
    return `${this.#tagged(runId)}:history:${runPart(runId)}`
  }

  runStateKey(runId: string): string {
    return `${this.#tagged(runId)}:run-state:${runPart(runId)}`
  }

  stepKey(runId: string, stepName: string): string {
    return `${this.#tagged(runId)}:step:${runPart(runId)}:${name(stepName)}`
  }

  stepLockKey(runId: string, stepName: string): string {
    return `${this.#tagged(runId)}:step-lock:${runPart(runId)}:${name(stepName)}`
  }

  versionKey(workflowName: string, graphHash: string): string {
    return `${this.prefix}:version:${name(workflowName)}:${name(graphHash)}`
  }

  /** The steps of a run that wait to be dispatched; its scores are since when. */
  pendingStepsKey(runId: string): string {
    return `${this.#tagged(runId)}:pending:${runPart(runId)}`
  }

  /** The indexes that hold a run, in its own slot. */
  indexKeys(runId: string): IndexKeys {
    return indexKeysOf(this.#tagged(runId))
  }

  /** All indexes: one set on a single server, one per partition otherwise. */
  allIndexKeys(): IndexKeys[] {
    if (this.partitions === undefined) return [indexKeysOf(this.prefix)]
    return Array.from({ length: this.partitions }, (_, partition) =>
      indexKeysOf(`${this.prefix}:{${partition}}`)
    )
  }

  /** Where 0.12 keeps the attempts of a step: a sorted set by attempt. */
  publishedHistoryKey(stepId: string): string {
    return `${this.prefix}:step-history:${stepId}`
  }

  /** The steps that a migration found of a run, until it has moved it. */
  foundStepsKey(runId: string): string {
    return `${this.#tagged(runId)}:found-steps:${runPart(runId)}`
  }

  /** A glob for SCAN that finds the runs, or the steps, of an unpartitioned prefix. */
  scanPattern(kind: 'run' | 'step'): string {
    return `${globOf(this.prefix)}:${kind}:*`
  }

  /** What a key found by {@link scanPattern} is of. */
  parseScanned(kind: 'run' | 'step', key: string): StepIdParts {
    const rest = key.slice(this.prefix.length + kind.length + 2)
    const colon = kind === 'run' ? -1 : rest.indexOf(':')
    return colon === -1
      ? { runId: rest, stepName: '' }
      : { runId: rest.slice(0, colon), stepName: rest.slice(colon + 1) }
  }

  /** The lock of the one process that recovers. */
  recoveryLockKey(): string {
    return `${this.prefix}:recovery-lock`
  }

  /** A lease's member in its index: see the script `recover-step`. */
  stepLease(runId: string, stepName: string, attempt: number): string {
    return `${attempt}:${runId}:${stepName}`
  }

  /** The run and the step of a lease. */
  parseStepLease(lease: string): StepIdParts {
    return this.parseStepId(`${lease.slice(lease.indexOf(':') + 1)}:`)
  }

  /** Holds how the prefix was laid out when it was first used. */
  layoutKey(): string {
    return `${this.prefix}:layout`
  }

  /** The keys that every script of a run is given. */
  runKeys(runId: string): RunKeys {
    return {
      run: this.runKey(runId),
      lock: this.lockKey(runId),
      steps: this.stepsKey(runId),
      history: this.historyKey(runId),
      state: this.runStateKey(runId),
      pendingSteps: this.pendingStepsKey(runId),
    }
  }

  /** The keys of every script that writes to the run. */
  runScriptKeys(runId: string): RunKeys & IndexKeys {
    return { ...this.runKeys(runId), ...this.indexKeys(runId) }
  }

  /**
   * A step's id, `{runId}:{stepName}:{token}`. The engine hands it back to
   * us without the run, so it has to hold what a key needs. The published
   * @pikku/redis 0.12 reads the same form.
   *
   * @param token Unique, without a colon.
   */
  stepId(runId: string, stepName: string, token: string): string {
    return `${runId}:${stepName}:${token}`
  }

  /** @throws RedisArgumentError for an id that this schema did not make. */
  parseStepId(stepId: string): StepIdParts {
    const first = typeof stepId === 'string' ? stepId.indexOf(':') : -1
    const last = first === -1 ? -1 : stepId.lastIndexOf(':')
    if (first < 1 || last === first) {
      throw new RedisArgumentError(
        `'${String(stepId)}' is not a step id (run:step:token)`
      )
    }
    return {
      runId: stepId.slice(0, first),
      stepName: stepId.slice(first + 1, last),
    }
  }

  #tagged(runId: string): string {
    if (this.partitions === undefined) return this.prefix
    return `${this.prefix}:{${partitionOf(runId, this.partitions)}}`
  }
}

function indexKeysOf(tagged: string): IndexKeys {
  return {
    listing: `${tagged}:index:runs`,
    counts: `${tagged}:index:counts`,
    idle: `${tagged}:index:idle`,
    pending: `${tagged}:index:pending`,
    leases: `${tagged}:index:leases`,
  }
}

/** 32-bit FNV-1a over UTF-16 units: stable, even, and nothing to install. */
function partitionOf(runId: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < runId.length; i++) {
    hash = Math.imul(hash ^ runId.charCodeAt(i), 0x01000193)
  }
  return (hash >>> 0) % partitions
}

function runPart(runId: string): string {
  return part('A run id', runId)
}
