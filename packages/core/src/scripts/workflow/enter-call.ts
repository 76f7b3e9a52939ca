import type { IndexKeys, KeySchema, RunKeys } from '../../keys/key-schema.js'
import type { Script, ScriptCall } from '../../script.js'
import type { enterStep } from './run-scripts.js'
import type { TransitionCall } from './transition.js'
import { addStep, startStep, succeedStep } from './transitions.js'

type EnterCall =
  typeof enterStep extends Script<infer Key, infer Arg, number>
    ? ScriptCall<Key, Arg>
    : never

/**
 * The same as a call of `enterStep`, if the transitions are those of a driver
 * that goes on to the next step; otherwise undefined.
 *
 * @param runKeys The run's `runScriptKeys`.
 */
export function enterCall(
  keys: KeySchema,
  runId: string,
  fence: string,
  calls: readonly TransitionCall[],
  runKeys: RunKeys & IndexKeys
): EnterCall | undefined {
  const start = calls.at(-1)
  const add = calls.at(-2)
  const done = calls.at(-3)
  const name = add?.stepName
  if (
    fence === '' ||
    calls.length > 3 ||
    start?.transition !== startStep ||
    add?.transition !== addStep ||
    name === undefined ||
    add.args[0] !== start.args[0] ||
    (done && (done.transition !== succeedStep || done.stepName === name))
  ) {
    return undefined
  }
  const stepKeys = [keys.stepKey(runId, name)]
  const doneName = done?.stepName ?? ''
  if (done) stepKeys.push(keys.stepKey(runId, doneName))
  const [stepId = '', ...fields] = add.args
  const [, leaseMs = ''] = start.args
  const [doneId = '', result = ''] = done?.args ?? []
  return {
    keys: runKeys,
    args: { fence, leaseMs, name, stepId, doneName, doneId, result },
    rest: fields,
    moreKeys: stepKeys,
  }
}
