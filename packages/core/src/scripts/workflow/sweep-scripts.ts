import { defineScript } from '../../script.js'
import forget from './forget-run.lua'
import { parseList } from '../outcome.js'
import postpone from './postpone-lease.lua'
import renew from './renew-leases.lua'
import take from './take-due.lua'

export const takeDue = defineScript({
  name: 'takeDue',
  lua: [take],
  keys: ['index'],
  args: ['ageMs', 'limit', 'postpone'],
  parse: parseList,
})

export const renewLeases = defineScript({
  name: 'renewLeases',
  lua: [renew],
  keys: ['leases'],
  args: ['leaseMs'],
  variadic: true,
  parse: parseList,
})

export const forgetRun = defineScript({
  name: 'forgetRun',
  lua: [forget],
  keys: ['run', 'index'],
  args: ['runId'],
  parse: Number,
})

export const postponeLease = defineScript({
  name: 'postponeLease',
  lua: [postpone],
  keys: ['leases'],
  args: ['lease', 'byMs'],
  parse: Number,
})
