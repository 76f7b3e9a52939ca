import { defineScript } from '../../script.js'
import insert from './insert-version.lua'
import { parseOutcome } from '../outcome.js'
import updateStatus from './update-version-status.lua'

export const insertVersion = defineScript({
  name: 'insertVersion',
  lua: [insert],
  keys: ['version'],
  args: [],
  variadic: true,
  parse: parseOutcome<'ok' | 'kept'>,
})

export const updateVersionStatus = defineScript({
  name: 'updateVersionStatus',
  lua: [updateStatus],
  keys: ['version'],
  args: ['status'],
  parse: parseOutcome<'ok' | 'no-version'>,
})
