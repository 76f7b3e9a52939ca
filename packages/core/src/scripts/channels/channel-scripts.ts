import { defineScript } from '../../script.js'
import { parseList, parseOutcome } from '../outcome.js'
import addOwner from './add-channel-owner.lua'
import add from './add-channel.lua'
import buryOwners from './bury-channel-owners.lua'
import clearField from './clear-channel-field.lua'
import endOwner from './end-channel-owner.lua'
import forgetOwner from './forget-channel-owner.lua'
import remove from './remove-channel.lua'
import renewOwner from './renew-channel-owner.lua'
import setField from './set-channel-field.lua'
import subscribe from './subscribe-channel.lua'
import unsubscribe from './unsubscribe-channel.lua'

export const addChannel = defineScript({
  name: 'addChannel',
  lua: [add],
  keys: ['channel', 'removed', 'owned', 'owners'],
  args: ['channelId', 'channelName', 'openingData', 'owner'],
  durable: true,
  parse: parseOutcome<'ok' | 'lost'>,
})

export const removeChannel = defineScript({
  name: 'removeChannel',
  lua: [remove],
  keys: ['channel', 'subs', 'removed', 'owned'],
  args: ['channelId', 'owner', 'tombstoneMs'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'kept' | 'changed'>,
})

export const setChannelField = defineScript({
  name: 'setChannelField',
  lua: [setField],
  keys: ['channel'],
  args: ['field', 'value'],
  durable: true,
  parse: parseOutcome<'ok' | 'no-channel'>,
})

export const clearChannelField = defineScript({
  name: 'clearChannelField',
  lua: [clearField],
  keys: ['channel'],
  args: ['field'],
  durable: true,
  parse: parseOutcome<'ok'>,
})

export const subscribeChannel = defineScript({
  name: 'subscribeChannel',
  lua: [subscribe],
  keys: ['topic', 'subs', 'removed'],
  args: ['topicName', 'channelId'],
  durable: true,
  parse: parseOutcome<'ok' | 'removed'>,
})

export const unsubscribeChannel = defineScript({
  name: 'unsubscribeChannel',
  lua: [unsubscribe],
  keys: ['topic', 'subs', 'answered'],
  args: ['topicName', 'channelId'],
  durable: true,
  parse: parseOutcome<'ok' | 'none'>,
})

export const addChannelOwner = defineScript({
  name: 'addChannelOwner',
  lua: [addOwner],
  keys: ['owners'],
  args: ['owner', 'leaseMs'],
  parse: parseOutcome<'ok'>,
})

export const renewChannelOwner = defineScript({
  name: 'renewChannelOwner',
  lua: [renewOwner],
  keys: ['owners'],
  args: ['owner', 'leaseMs'],
  parse: parseOutcome<'ok' | 'late' | 'lost'>,
})

export const endChannelOwner = defineScript({
  name: 'endChannelOwner',
  lua: [endOwner],
  keys: ['owners'],
  args: ['owner'],
  parse: parseOutcome<'ok'>,
})

export const buryChannelOwners = defineScript({
  name: 'buryChannelOwners',
  lua: [buryOwners],
  keys: ['owners'],
  args: ['limit'],
  parse: parseList,
})

export const forgetChannelOwner = defineScript({
  name: 'forgetChannelOwner',
  lua: [forgetOwner],
  keys: ['owners', 'owned'],
  args: ['owner', 'from', 'to'],
  parse: parseOutcome<'ok' | 'kept'>,
})
