import { defineScript } from '../../script.js'
import adopt from './adopt-run.lua'
import indexLib from './lib/index.lua'
import runLib from './lib/run.lua'
import { parseOutcome } from '../outcome.js'
import { runScriptKeys } from './run-keys.js'

export const adoptRun = defineScript({
  name: 'adoptRun',
  lua: [runLib, indexLib, adopt],
  keys: [...runScriptKeys, 'found'],
  args: ['status', 'length', 'workersGone', 'count'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'changed'>,
})
