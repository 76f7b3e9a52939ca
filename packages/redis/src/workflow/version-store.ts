import type { WorkflowVersionStatus } from '@pikku/core/workflow'
import { RedisVersionNotFoundError, versionScripts } from '@pikku/redis-core'
import { required, toFields } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import type { StoreContext } from './store-context.js'

/** Workflow versions: one hash each, written once. */
export class VersionStore {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  async insert(
    workflowName: string,
    graphHash: string,
    graph: unknown,
    source: string,
    status: WorkflowVersionStatus = 'active'
  ): Promise<void> {
    const { runner, keys, encode } = this.#context
    const what = `The graph of version '${workflowName}' '${graphHash}'`
    await runner.run(versionScripts.insertVersion, {
      keys: { version: keys.versionKey(workflowName, graphHash) },
      args: {},
      rest: Object.entries({
        workflowName,
        graphHash,
        graph: encode(graph, what) || 'null',
        source,
        status,
      }).flat(),
    })
  }

  /** @throws RedisVersionNotFoundError for a version that does not exist. */
  async updateStatus(
    workflowName: string,
    graphHash: string,
    status: WorkflowVersionStatus
  ): Promise<void> {
    const { runner, keys } = this.#context
    const { code } = await runner.run(versionScripts.updateVersionStatus, {
      keys: { version: keys.versionKey(workflowName, graphHash) },
      args: { status },
    })
    if (code === 'no-version') {
      throw new RedisVersionNotFoundError(
        `Version '${graphHash}' of workflow '${workflowName}' does not exist`
      )
    }
  }

  async get(
    workflowName: string,
    graphHash: string
  ): Promise<{ graph: unknown; source: string } | null> {
    const { runner, keys } = this.#context
    const key = keys.versionKey(workflowName, graphHash)
    const fields = toFields(await runner.send('HGETALL', key))
    if (!fields.has('graph')) return null
    return {
      graph: decodeJson(fields.get('graph'), key, 'graph'),
      source: required(fields, key, 'source'),
    }
  }
}
