import type { AgentRunStateService } from '@pikku/core/services'
import {
  agentScripts,
  RedisAgentRunNotFoundError,
  RedisArgumentError,
  RedisCorruptDataError,
} from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import { decodeJson } from '../common/json.js'
import type { AgentContext } from './agent-context.js'

export type NewScore = Parameters<AgentRunStateService['saveScore']>[0]
export type AgentRunScore = Awaited<
  ReturnType<AgentRunStateService['getScores']>
>[number]

const SCORE = /^score:(\d+)$/
/** `{createdAt}:{JSON}`. */
const STORED = /^(\d+):(.*)$/s

/** Grades of runs: a numbered field of the run for each. */
export class ScoreStore {
  readonly #context: AgentContext

  constructor(context: AgentContext) {
    this.#context = context
  }

  /** @throws RedisAgentRunNotFoundError; nothing was written. */
  async save({
    runId,
    scorerName,
    score,
    reason,
    metadata,
  }: NewScore): Promise<void> {
    const { runner, keys, encode } = this.#context
    const run = keys.runKey(runId)
    const what = `The score of run '${runId}'`
    if (typeof score !== 'number' || !Number.isFinite(score)) {
      throw new RedisArgumentError(`${what} must be a number, not ${score}`)
    }
    const { code } = await runner.run(agentScripts.saveScore, {
      keys: { run },
      args: { score: encode({ scorerName, score, reason, metadata }, what) },
    })
    if (code === 'no-run') throw new RedisAgentRunNotFoundError(runId)
  }

  /** In the order in which they were saved. */
  async get(runId: string): Promise<AgentRunScore[]> {
    const { runner, keys } = this.#context
    const key = keys.runKey(runId)
    const found: Array<[number, AgentRunScore]> = []
    for (const [field, value] of toFields(await runner.send('HGETALL', key))) {
      const number = SCORE.exec(field)?.[1]
      if (!number) continue
      const [, createdAt, json] = STORED.exec(value) ?? []
      const score = decodeJson<Omit<AgentRunScore, 'createdAt'>>(
        json,
        key,
        field
      )
      if (typeof score !== 'object' || score === null) {
        throw new RedisCorruptDataError(key, field, 'it is no score')
      }
      const date = new Date(Number(createdAt))
      found.push([Number(number), { ...score, runId, createdAt: date }])
    }
    return found.toSorted(([a], [b]) => a - b).map(([, score]) => score)
  }
}
