import { defineScript } from '../script.js'
import indexLib from './lib/index.lua'
import runLib from './lib/run.lua'
import stepLib from './lib/step.lua'
import { parseOutcome } from './outcome.js'
import recover from './recover-step.lua'
import renew from './renew-leases.lua'
import { stepScriptKeys } from './step-keys.js'
import take from './take-due.lua'

export const takeDue = defineScript({
  name: 'takeDue',
  lua: [take],
  keys: ['index'],
  args: ['before', 'limit', 'postpone'],
  parse: (reply) => (Array.isArray(reply) ? reply.map(String) : []),
})

export const renewLeases = defineScript({
  name: 'renewLeases',
  lua: [renew],
  keys: ['leases'],
  args: ['leaseMs'],
  variadic: true,
  parse: parseOutcome<'ok'>,
})

export const recoverStep = defineScript({
  name: 'recoverStep',
  lua: [runLib, indexLib, stepLib, recover],
  keys: stepScriptKeys,
  args: ['stepName', 'lease', 'leaseMs', 'orphans', 'retries', 'error'],
  durable: true,
  parse: parseOutcome<
    'retried' | 'failed' | 'child' | 'redrive' | 'kept' | 'dropped'
  >,
})
