import add from './transitions/add-step.lua'
import claim from './transitions/claim-step.lua'
import fail from './transitions/fail-step.lua'
import insert from './transitions/insert-step.lua'
import linkChild from './transitions/link-child-run.lua'
import branch from './transitions/record-branch.lua'
import retry from './transitions/retry-step.lua'
import schedule from './transitions/schedule-step.lua'
import setState from './transitions/set-run-state.lua'
import start from './transitions/start-step.lua'
import succeed from './transitions/succeed-step.lua'
import updateStatus from './transitions/update-run-status.lua'
import type { Transition } from './transition.js'

type Trait = 'variadic' | 'ofStep' | 'withLock' | 'durable'

function define<Arg extends string>(
  name: string,
  lua: string,
  args: readonly Arg[],
  traits: Partial<Pick<Transition, Trait>> = {}
): Transition<Arg> {
  return {
    name,
    lua,
    args,
    variadic: false,
    ofStep: true,
    withLock: false,
    durable: false,
    ...traits,
  }
}

const durable = true

export const insertStep = define('insertStep', insert, ['stepId'], {
  variadic: true,
})
export const addStep = define('addStep', add, ['stepId'], { variadic: true })
export const scheduleStep = define('scheduleStep', schedule, ['stepId'])
export const startStep = define('startStep', start, ['stepId', 'leaseMs'], {
  durable,
})
export const succeedStep = define(
  'succeedStep',
  succeed,
  ['stepId', 'result'],
  {
    durable,
  }
)
export const failStep = define('failStep', fail, [
  'stepId',
  'error',
  'attempt',
  'retries',
])
export const retryStep = define(
  'retryStep',
  retry,
  ['stepId', 'status', 'leaseMs'],
  { durable }
)
export const claimStep = define(
  'claimStep',
  claim,
  ['rpcName', 'leaseMs', 'retries'],
  { durable, withLock: true }
)
export const linkChildRun = define('linkChildRun', linkChild, [
  'stepId',
  'childRunId',
  'attempt',
])
export const recordBranch = define('recordBranch', branch, [
  'stepId',
  'branchKey',
])
export const updateRunStatus = define(
  'updateRunStatus',
  updateStatus,
  ['status', 'output', 'error'],
  { ofStep: false, durable }
)
export const setRunState = define('setRunState', setState, ['name', 'value'], {
  ofStep: false,
  durable,
})
