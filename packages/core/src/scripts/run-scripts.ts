import { defineScript } from '../script.js'
import create from './create-run.lua'
import deleteRunLua from './delete-run.lua'
import indexLib from './lib/index.lua'
import runLib from './lib/run.lua'
import list from './list-runs.lua'
import { parseOutcome, type Refusal } from './outcome.js'
import setState from './set-run-state.lua'
import updateStatus from './update-run-status.lua'

export const createRun = defineScript({
  name: 'createRun',
  lua: [runLib, indexLib, create],
  keys: ['run', 'listing', 'counts', 'idle'],
  args: [],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok'>,
})

export const updateRunStatus = defineScript({
  name: 'updateRunStatus',
  lua: [runLib, indexLib, updateStatus],
  keys: ['run', 'lock', 'listing', 'counts', 'idle', 'pending', 'pendingSteps'],
  args: ['fence', 'status', 'output', 'error'],
  durable: true,
  parse: parseOutcome<'ok' | 'kept' | Refusal>,
})

export const setRunState = defineScript({
  name: 'setRunState',
  lua: [runLib, setState],
  keys: ['run', 'lock', 'state'],
  args: ['fence', 'name', 'value'],
  durable: true,
  parse: parseOutcome<'ok' | Refusal>,
})

export const listRuns = defineScript({
  name: 'listRuns',
  lua: [list],
  keys: ['listing'],
  args: ['scope', 'after', 'offset', 'limit'],
  parse: (reply) => (Array.isArray(reply) ? reply.map(String) : []),
})

export const deleteRun = defineScript({
  name: 'deleteRun',
  lua: [indexLib, deleteRunLua],
  keys: [
    'run',
    'lock',
    'steps',
    'history',
    'state',
    'pendingSteps',
    'listing',
    'counts',
    'idle',
    'pending',
    'leases',
  ],
  args: [],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'none' | 'changed' | 'unlisted'>,
})
