import { RedisArgumentError } from '../../errors.js'
import type { IndexKeys, KeySchema, RunKeys } from '../../keys/key-schema.js'
import type { ScriptCall } from '../../script.js'
import { runScriptKeys } from './run-keys.js'

/**
 * What a run can go through: one Lua file each, named like the descriptor, and
 * all of them in one script, `advanceRun`, so that several of one run are one
 * call. `args` is in the order of the file's ARGS.
 */
export interface Transition<Arg extends string = string> {
  readonly name: string
  /** Its file's text. */
  readonly lua: string
  readonly args: readonly Arg[]
  /** Whether any number of further arguments may follow. */
  readonly variadic: boolean
  /** Whether it is one of a step, and not of the run itself. */
  readonly ofStep: boolean
  /** Whether it is given the key of the step's lock, after the step's own. */
  readonly withLock: boolean
  /** Whether somebody acts on what it writes as soon as it has answered. */
  readonly durable: boolean
}

/** A transition with its arguments: see {@link transitionOf}. */
export interface TransitionCall {
  readonly transition: Transition
  readonly stepName: string | undefined
  readonly args: readonly string[]
}

/**
 * @param rest Further arguments of a transition that is variadic.
 * @throws RedisArgumentError for an argument that is not a string or number.
 */
export function transitionOf<Arg extends string>(
  transition: Transition<Arg>,
  args: Record<Arg, string | number>,
  stepName?: string,
  rest: readonly string[] = []
): TransitionCall {
  const texts = transition.args.map((name) => {
    const value: unknown = args[name]
    if (typeof value === 'string' || Number.isFinite(value)) {
      return String(value)
    }
    throw new RedisArgumentError(
      `Transition '${transition.name}': argument '${name}' must be a string ` +
        `or a number, not ${String(value)}`
    )
  })
  return { transition, stepName, args: [...texts, ...rest] }
}

/**
 * A call of `advanceRun` that makes the transitions in their order.
 *
 * @param runKeys The run's `runScriptKeys`, for whoever makes many such calls.
 */
export function advanceCall(
  keys: KeySchema,
  runId: string,
  fence: string,
  calls: readonly TransitionCall[],
  runKeys: RunKeys & IndexKeys = keys.runScriptKeys(runId)
): ScriptCall<(typeof runScriptKeys)[number], 'fence'> {
  const first = runScriptKeys.length + 1
  const stepKeys: string[] = []
  const rest: string[] = []
  for (const { transition, stepName, args } of calls) {
    let position = 0
    if (stepName !== undefined) {
      const key = keys.stepKey(runId, stepName)
      const at = transition.withLock ? -1 : stepKeys.indexOf(key)
      position = first + (at === -1 ? stepKeys.push(key) - 1 : at)
      if (transition.withLock) stepKeys.push(keys.stepLockKey(runId, stepName))
    }
    rest.push(
      luaNameOf(transition),
      String(position),
      stepName ?? '',
      String(args.length),
      ...args
    )
  }
  return {
    keys: runKeys,
    args: { fence },
    rest,
    moreKeys: stepKeys,
    durable: calls.some(({ transition }) => transition.durable),
  }
}

const luaNames = new Map<string, string>()

/** The name of its Lua file: 'startStep' is 'start-step'. */
function luaNameOf({ name }: Transition): string {
  let kebab = luaNames.get(name)
  if (kebab === undefined) {
    kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    luaNames.set(name, kebab)
  }
  return kebab
}
