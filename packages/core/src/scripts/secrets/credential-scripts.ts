import { defineScript } from '../../script.js'
import { parseOutcome } from '../outcome.js'
import remove from './delete-credential.lua'
import saltLib from './lib/salt.lua'
import set from './set-credential.lua'

export const setCredential = defineScript({
  name: 'setCredential',
  lua: [saltLib, set],
  keys: ['credentials', 'users', 'usersOfName', 'salts'],
  args: ['userId', 'name', 'ciphertext', 'wrappedDek', 'keyVersion', 'salt'],
  durable: true,
  parse: parseOutcome<'ok' | 'salt'>,
})

export const deleteCredential = defineScript({
  name: 'deleteCredential',
  lua: [remove],
  keys: ['credentials', 'users', 'usersOfName'],
  args: ['userId', 'name'],
  durable: true,
  parse: parseOutcome<'ok'>,
})
