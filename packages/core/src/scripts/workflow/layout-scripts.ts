import { defineScript } from '../../script.js'
import layout from './record-layout.lua'

export const recordLayout = defineScript({
  name: 'recordLayout',
  lua: [layout],
  keys: ['layout'],
  args: ['wanted'],
  parse: String,
})
