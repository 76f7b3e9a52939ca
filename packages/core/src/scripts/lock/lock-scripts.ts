import { defineScript } from '../../script.js'
import acquire from './acquire-lock.lua'
import extend from './extend-lock.lua'
import { parseOutcome } from '../outcome.js'
import release from './release-lock.lua'

export const acquireLock = defineScript({
  name: 'acquireLock',
  lua: [acquire],
  keys: ['lock'],
  args: ['token', 'ttlMs'],
  parse: parseOutcome<'ok' | 'held'>,
})

export const extendLock = defineScript({
  name: 'extendLock',
  lua: [extend],
  keys: ['lock'],
  args: ['token', 'ttlMs'],
  parse: parseOutcome<'ok' | 'lost'>,
})

export const releaseLock = defineScript({
  name: 'releaseLock',
  lua: [release],
  keys: ['lock'],
  args: ['token'],
  parse: parseOutcome<'ok' | 'lost'>,
})
