import { createHash, randomUUID } from 'node:crypto'
import type {
  WorkflowPlannedStep,
  WorkflowRun,
  WorkflowRunWire,
  WorkflowStatus,
} from '@pikku/core/workflow'
import { runScripts, transitionOf, transitions } from '@pikku/redis-core'
import { hasQueue, isGraph } from './engine-state.js'
import { required, requiredDate, toFields } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import type { SerializedError } from './serialized-error.js'
import { assertAccepted, type StoreContext } from './store-context.js'

export interface NewRun {
  workflow: string
  input: unknown
  inline: boolean
  graphHash: string
  wire: WorkflowRunWire
  deterministic?: boolean | undefined
  plannedSteps?: WorkflowPlannedStep[] | undefined
}

/** Runs: one hash each. */
export class RunStore {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  /**
   * The child run of a step is created once, however often its starter died
   * before it could note which run that was: the next attempt goes on with it,
   * unless it has failed by then.
   */
  async create(run: NewRun): Promise<string> {
    const { runner, keys, calls } = this.#context
    const fields = newRunFields(run, this.#context.encode)
    // A graph is planned, not replayed: its first nodes would run again.
    const isReplayed = !isGraph(run.workflow)
    const inlineOrigin = isReplayed
      ? calls.originOf(run.workflow, run.wire)
      : undefined
    const origin = run.wire.parentStepId ?? inlineOrigin
    // A worker with a queue leaves its child to that.
    const isDrivenHere =
      isReplayed && (inlineOrigin !== undefined || !hasQueue())
    for (let nth = 1; ; nth++) {
      const id = newRunId(origin, nth)
      const { detail } = await runner.run(runScripts.createRun, {
        keys: keys.runScriptKeys(id),
        args: {},
        rest: ['id', id, ...fields],
      })
      // Of a run that was there; a new one has none to tell.
      const [status] = detail
      if (status === 'failed' || status === 'cancelled') continue
      if (origin !== undefined && isDrivenHere) this.#context.adopted.add(id)
      return id
    }
  }

  /** @throws RedisCorruptDataError for stored data that is not a run's. */
  async get(id: string): Promise<WorkflowRun | null> {
    const { runner, keys, fences } = this.#context
    const key = keys.runKey(id)
    const fields =
      this.#readAhead(id) ??
      toFields(await fences.read(id, () => runner.send('HGETALL', key)))
    return fields.get('id') === id ? runFromHash(fields, key) : null
  }

  async updateStatus(
    id: string,
    status: WorkflowStatus,
    output: unknown,
    error: SerializedError | undefined
  ): Promise<void> {
    const { writer, fences, encode, encodeError, onKept } = this.#context
    const hold = fences.heldRun(id)
    const outcome = await writer.write(
      id,
      transitionOf(transitions.updateRunStatus, {
        status,
        output: encode(output, `The output of run '${id}'`),
        error: encodeError(error, `The error of run '${id}'`),
      })
    )
    assertAccepted(outcome, this.#context, id)
    if (hold) {
      hold.ended = status !== 'running' && status !== 'suspended'
      // Of a gate that it goes to, or comes from, the script made a note.
      if (!hold.ended) hold.woken ??= hold.lease.token
    }
    const kept = outcome.code === 'kept' ? outcome.detail[0] : status
    if (kept !== status) {
      onKept(`Run '${id}' stays '${kept}': a late '${status}' is ignored`)
    }
  }

  /** What came along with the run's steps a moment ago, once. */
  #readAhead(id: string): ReadonlyMap<string, string> | undefined {
    const hold = this.#context.fences.heldRun(id)
    if (hold === undefined || hold.stopped !== undefined) return undefined
    const fields = hold.readAhead
    hold.readAhead = undefined
    return fields
  }
}

function newRunFields(run: NewRun, encode: StoreContext['encode']): string[] {
  const what = `of a new run of '${run.workflow}'`
  const fields: Record<string, string | undefined> = {
    workflow: run.workflow,
    input: encode(run.input, `The input ${what}`) || undefined,
    inline: String(run.inline),
    graphHash: run.graphHash,
    deterministic: String(run.deterministic === true),
    plannedSteps:
      encode(run.plannedSteps, `The planned steps ${what}`) || undefined,
    wire: encode(run.wire, `The wire ${what}`),
  }
  return Object.entries(fields).flatMap(([field, value]) =>
    value === undefined ? [] : [field, value]
  )
}

/** A UUID: any one, or the nth of what starts the run. */
function newRunId(origin: string | undefined, nth: number): string {
  if (origin === undefined) return randomUUID()
  const hex = createHash('sha256').update(`${nth}:${origin}`).digest('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    // Version 8: a UUID that is made in a way of one's own.
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ]
  return parts.join('-')
}

/** @throws RedisCorruptDataError for stored data that is not a run's. */
export function runFromHash(
  fields: ReadonlyMap<string, string>,
  key: string
): WorkflowRun {
  const json = <T>(field: string): T | undefined =>
    decodeJson<T>(fields.get(field), key, field)
  return {
    id: required(fields, key, 'id'),
    workflow: required(fields, key, 'workflow'),
    status: required(fields, key, 'status') as WorkflowStatus,
    input: json('input'),
    output: json('output'),
    error: json<SerializedError>('error'),
    inline: fields.get('inline') === 'true' ? true : undefined,
    graphHash: fields.get('graphHash') || undefined,
    deterministic: fields.get('deterministic') === 'true' ? true : undefined,
    plannedSteps: json<WorkflowPlannedStep[]>('plannedSteps'),
    wire: json<WorkflowRunWire>('wire') ?? { type: 'unknown' },
    createdAt: requiredDate(fields.get('createdAt'), key, 'createdAt'),
    updatedAt: requiredDate(fields.get('updatedAt'), key, 'updatedAt'),
  }
}
