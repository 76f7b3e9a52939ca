import { defineScript } from '../script.js'
import claim from './claim-step.lua'
import fail from './fail-step.lua'
import insert from './insert-step.lua'
import indexLib from './lib/index.lua'
import runLib from './lib/run.lua'
import stepLib from './lib/step.lua'
import linkChild from './link-child-run.lua'
import { parseOutcome, type Refusal } from './outcome.js'
import branch from './record-branch.lua'
import retry from './retry-step.lua'
import schedule from './schedule-step.lua'
import start from './start-step.lua'
import { stepScriptKeys as keys } from './step-keys.js'
import succeed from './succeed-step.lua'

const args = ['fence', 'stepName', 'stepId'] as const

/** Outcomes of a script that is given a step which should exist. */
type StepRefusal = Refusal | 'no-step'

export const insertStep = defineScript({
  name: 'insertStep',
  lua: [runLib, indexLib, stepLib, insert],
  keys,
  args,
  variadic: true,
  parse: parseOutcome<'ok' | Refusal>,
})

export const scheduleStep = defineScript({
  name: 'scheduleStep',
  lua: [runLib, indexLib, stepLib, schedule],
  keys,
  args,
  parse: parseOutcome<'ok' | 'kept' | StepRefusal>,
})

export const startStep = defineScript({
  name: 'startStep',
  lua: [runLib, indexLib, stepLib, start],
  keys,
  args: [...args, 'leaseMs'],
  durable: true,
  parse: parseOutcome<'ok' | 'kept' | StepRefusal>,
})

export const succeedStep = defineScript({
  name: 'succeedStep',
  lua: [runLib, indexLib, stepLib, succeed],
  keys,
  args: [...args, 'result'],
  durable: true,
  parse: parseOutcome<'ok' | 'kept' | StepRefusal>,
})

export const failStep = defineScript({
  name: 'failStep',
  lua: [runLib, indexLib, stepLib, fail],
  keys,
  args: [...args, 'error'],
  parse: parseOutcome<'ok' | 'kept' | StepRefusal>,
})

export const retryStep = defineScript({
  name: 'retryStep',
  lua: [runLib, indexLib, stepLib, retry],
  keys,
  args: [...args, 'status', 'leaseMs'],
  durable: true,
  parse: parseOutcome<'ok' | 'kept' | StepRefusal>,
})

export const claimStep = defineScript({
  name: 'claimStep',
  lua: [runLib, indexLib, stepLib, claim],
  keys,
  args: ['fence', 'stepName', 'rpcName', 'leaseMs'],
  durable: true,
  parse: parseOutcome<'ok' | 'kept' | 'mismatch' | StepRefusal>,
})

export const linkChildRun = defineScript({
  name: 'linkChildRun',
  lua: [runLib, indexLib, stepLib, linkChild],
  keys,
  args: [...args, 'childRunId'],
  parse: parseOutcome<'ok' | StepRefusal>,
})

export const recordBranch = defineScript({
  name: 'recordBranch',
  lua: [runLib, indexLib, stepLib, branch],
  keys,
  args: [...args, 'branchKey'],
  parse: parseOutcome<'ok' | StepRefusal>,
})
