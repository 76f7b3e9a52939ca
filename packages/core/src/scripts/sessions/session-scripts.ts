import { defineScript } from '../../script.js'
import { parseOutcome } from '../outcome.js'
import clear from './clear-session.lua'
import set from './set-session.lua'

export const setSession = defineScript({
  name: 'setSession',
  lua: [set],
  keys: ['session'],
  args: ['value', 'ttlMs'],
  durable: true,
  parse: parseOutcome<'ok'>,
})

export const clearSession = defineScript({
  name: 'clearSession',
  lua: [clear],
  keys: ['session'],
  args: [],
  durable: true,
  parse: parseOutcome<'ok'>,
})
