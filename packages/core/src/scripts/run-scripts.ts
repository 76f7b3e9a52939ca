import { defineScript } from '../script.js'
import create from './create-run.lua'
import runLib from './lib/run.lua'
import { parseOutcome, type Refusal } from './outcome.js'
import setState from './set-run-state.lua'
import updateStatus from './update-run-status.lua'

export const createRun = defineScript({
  name: 'createRun',
  lua: [runLib, create],
  keys: ['run'],
  args: [],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok'>,
})

export const updateRunStatus = defineScript({
  name: 'updateRunStatus',
  lua: [runLib, updateStatus],
  keys: ['run', 'lock'],
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
