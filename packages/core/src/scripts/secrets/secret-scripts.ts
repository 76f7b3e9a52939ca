import { defineScript } from '../../script.js'
import { parseOutcome } from '../outcome.js'
import remove from './delete-secret.lua'
import finish from './finish-index.lua'
import index from './index-secret.lua'
import keep from './keep-salt.lua'
import saltLib from './lib/salt.lua'
import rewrapLua from './rewrap.lua'
import set from './set-secret.lua'

export const keepSalt = defineScript({
  name: 'keepSalt',
  lua: [saltLib, keep],
  keys: ['salts'],
  args: ['version', 'salt'],
  durable: true,
  parse: parseOutcome<'ok'>,
})

export const setSecret = defineScript({
  name: 'setSecret',
  lua: [saltLib, set],
  keys: ['secret', 'secrets', 'salts'],
  args: ['name', 'ciphertext', 'wrappedDek', 'keyVersion', 'salt'],
  durable: true,
  parse: parseOutcome<'ok' | 'salt'>,
})

export const deleteSecret = defineScript({
  name: 'deleteSecret',
  lua: [remove],
  keys: ['secret', 'secrets'],
  args: ['name'],
  durable: true,
  parse: parseOutcome<'ok'>,
})

export const indexSecret = defineScript({
  name: 'indexSecret',
  lua: [index],
  keys: ['secret', 'secrets'],
  args: ['name'],
  durable: true,
  parse: parseOutcome<'added' | 'removed' | 'same'>,
})

export const finishIndex = defineScript({
  name: 'finishIndex',
  lua: [finish],
  keys: ['salts'],
  args: [],
  durable: true,
  parse: parseOutcome<'ok'>,
})

/** Of secrets and of credentials. */
export const rewrap = defineScript({
  name: 'rewrap',
  lua: [saltLib, rewrapLua],
  keys: ['holder', 'salts'],
  args: [
    'dekField',
    'versionField',
    'readDek',
    'readVersion',
    'wrappedDek',
    'keyVersion',
    'salt',
  ],
  durable: true,
  parse: parseOutcome<'ok' | 'changed' | 'salt'>,
})
