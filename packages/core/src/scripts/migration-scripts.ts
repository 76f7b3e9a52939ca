import { defineScript } from '../script.js'
import adopt from './adopt-run.lua'
import indexLib from './lib/index.lua'
import { parseOutcome } from './outcome.js'

export const adoptRun = defineScript({
  name: 'adoptRun',
  lua: [indexLib, adopt],
  keys: [
    'run',
    'steps',
    'history',
    'pendingSteps',
    'listing',
    'counts',
    'idle',
    'pending',
    'leases',
    'found',
  ],
  args: ['status', 'length', 'workersGone', 'count'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'changed'>,
})
