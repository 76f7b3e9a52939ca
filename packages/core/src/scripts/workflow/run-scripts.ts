import type { RedisReply } from '../../adapter.js'
import { defineScript } from '../../script.js'
import acquire from './acquire-run.lua'
import advance from './advance-run.lua'
import create from './create-run.lua'
import deleteRunLua from './delete-run.lua'
import indexLib from './lib/index.lua'
import runLib from './lib/run.lua'
import saveLib from './lib/save.lua'
import stepLib from './lib/step.lua'
import straightLib from './lib/straight.lua'
import list from './list-runs.lua'
import {
  type Outcome,
  parseList,
  parseOutcome,
  type Refusal,
} from '../outcome.js'
import recover from './recover-step.lua'
import { runScriptKeys } from './run-keys.js'
import type { Transition } from './transition.js'
import * as transitions from './transitions.js'

const transitionLua = Object.values<Transition>(transitions).map(
  ({ lua }) => lua
)

export const createRun = defineScript({
  name: 'createRun',
  lua: [runLib, indexLib, create],
  keys: runScriptKeys,
  args: [],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'exists'>,
})

export const acquireRun = defineScript({
  name: 'acquireRun',
  lua: [acquire],
  keys: ['lock', 'run', 'history'],
  args: ['token', 'ttlMs', 'limit'],
  parse: parseAcquired,
})

export const advanceRun = defineScript({
  name: 'advanceRun',
  lua: [
    straightLib,
    runLib,
    indexLib,
    stepLib,
    saveLib,
    ...transitionLua,
    advance,
  ],
  keys: runScriptKeys,
  args: ['fence'],
  variadic: true,
  parse: parseOutcomes,
})

export const recoverStep = defineScript({
  name: 'recoverStep',
  lua: [runLib, indexLib, stepLib, saveLib, recover],
  keys: runScriptKeys,
  args: ['stepName', 'lease', 'leaseMs', 'orphans', 'retries', 'error'],
  durable: true,
  parse: parseOutcome<
    'retried' | 'failed' | 'child' | 'redrive' | 'kept' | 'dropped'
  >,
})

export const listRuns = defineScript({
  name: 'listRuns',
  lua: [list],
  keys: ['listing'],
  args: ['scope', 'after', 'offset', 'limit'],
  parse: parseList,
})

export const deleteRun = defineScript({
  name: 'deleteRun',
  lua: [runLib, indexLib, deleteRunLua],
  keys: runScriptKeys,
  args: [],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'none' | 'changed' | 'unlisted'>,
})

/** A run as it was when its lock was taken. */
export interface RunRead {
  /** The run's hash: field, value, field, value. */
  readonly run: RedisReply
  /** The beginning of its history. */
  readonly attempts: RedisReply
}

function parseAcquired(
  reply: RedisReply
): Outcome<'ok' | 'held'> & { readonly read?: RunRead } {
  if (!Array.isArray(reply) || reply[0] !== 'ok') return parseOutcome(reply)
  const [, run = null, attempts = null] = reply
  return { code: 'ok', detail: [], read: { run, attempts } }
}

/** A transition of a first attempt, made as it was asked for. */
const MADE: Outcome<string> = { code: 'ok', detail: ['1'] }

/** One outcome for each transition, or why there was none. */
function parseOutcomes(
  reply: RedisReply
): Array<Outcome<string>> | Outcome<Refusal> {
  if (typeof reply === 'number')
    return Array.from({ length: reply }, () => MADE)
  return Array.isArray(reply) && (reply.length === 0 || Array.isArray(reply[0]))
    ? reply.map((outcome) => parseOutcome<string>(outcome))
    : parseOutcome<Refusal>(reply)
}
