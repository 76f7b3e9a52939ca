import type { RedisReply } from '../../adapter.js'
import { defineScript } from '../../script.js'
import acquire from './acquire-run.lua'
import advance from './advance-run.lua'
import create from './create-run.lua'
import deleteRunLua from './delete-run.lua'
import enter from './enter-step.lua'
import indexLib from './lib/index.lua'
import runLib from './lib/run.lua'
import saveLib from './lib/save.lua'
import stepLib from './lib/step.lua'
import list from './list-runs.lua'
import rest from './rest-run.lua'
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
  lua: [runLib, indexLib, stepLib, saveLib, ...transitionLua, advance],
  keys: runScriptKeys,
  args: ['fence'],
  variadic: true,
  parse: parseOutcomes,
})

export const enterStep = defineScript({
  name: 'enterStep',
  lua: [enter],
  keys: ['run', 'lock', 'steps', 'history', 'idle', 'leases'],
  args: ['fence', 'leaseMs', 'name', 'stepId', 'doneName', 'doneId', 'result'],
  variadic: true,
  durable: true,
  parse: Number,
})

export const restRun = defineScript({
  name: 'restRun',
  lua: [rest],
  keys: ['run', 'lock', 'idle', 'pendingSteps'],
  args: ['token', 'seen'],
  parse: Number,
})

export const recoverStep = defineScript({
  name: 'recoverStep',
  lua: [runLib, indexLib, stepLib, saveLib, recover],
  keys: runScriptKeys,
  args: ['stepName', 'lease', 'leaseMs', 'orphans', 'retries', 'error'],
  durable: true,
  parse: parseOutcome<
    | 'retried'
    | 'failed'
    | 'child'
    | 'redrive'
    | 'beside-gate'
    | 'kept'
    | 'dropped'
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

/** One outcome for each transition, or why there was none. */
function parseOutcomes(
  reply: RedisReply
): Array<Outcome<string>> | Outcome<Refusal> {
  return Array.isArray(reply) && (reply.length === 0 || Array.isArray(reply[0]))
    ? reply.map((outcome) => parseOutcome<string>(outcome))
    : parseOutcome<Refusal>(reply)
}
