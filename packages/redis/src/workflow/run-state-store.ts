import {
  RedisSerializationError,
  transitionOf,
  transitions,
} from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import { assertAccepted, type StoreContext } from './store-context.js'

/** The variables of a run: one hash, one field each, so that writers to different ones never meet. */
export class RunStateStore {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  async set(runId: string, name: string, value: unknown): Promise<void> {
    const { writer, encode } = this.#context
    if (typeof name !== 'string' || !name.isWellFormed()) {
      throw new RedisSerializationError(
        `The state of run '${runId}' has no variable ${JSON.stringify(name)}`
      )
    }
    const outcome = await writer.write(
      runId,
      transitionOf(transitions.setRunState, {
        name,
        // A variable set to undefined is there, as null, as JSON has it.
        value: encode(value, `Variable '${name}' of run '${runId}'`) || 'null',
      })
    )
    assertAccepted(outcome, this.#context, runId)
  }

  async get(runId: string): Promise<Record<string, unknown>> {
    const { runner, keys, fences } = this.#context
    const key = keys.runStateKey(runId)
    const runKey = keys.runKey(runId)
    const [blob, flat] = await fences.read(runId, () =>
      runner.sendAll([
        // Runs that an early 0.12 started keep their state in the run itself.
        ['HGET', runKey, 'state'],
        ['HGETALL', key],
      ])
    )
    const old = decodeJson<Record<string, unknown>>(
      typeof blob === 'string' ? blob : undefined,
      runKey,
      'state'
    )
    const fields = [...toFields(flat ?? null)].map(
      ([name, text]) => [name, decodeJson(text, key, name)] as const
    )
    // fromEntries defines properties: '__proto__' is a name like any other.
    return Object.fromEntries([...Object.entries(old ?? {}), ...fields])
  }
}
