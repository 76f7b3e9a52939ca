import { defineScript } from '../../script.js'
import { parseOutcome } from '../outcome.js'
import find from './find-deployments.lua'
import forget from './forget-deployment.lua'
import register from './register-deployment.lua'
import remove from './remove-deployment.lua'

export const registerDeployment = defineScript({
  name: 'registerDeployment',
  lua: [register],
  keys: ['deployment', 'deployments', 'endpoints', 'functionLists', 'stopped'],
  args: [
    'deploymentId',
    'endpoint',
    'functions',
    'instance',
    'ttlMs',
    'claim',
    'before',
    'count',
  ],
  parse: parseOutcome<'ok' | 'restored' | 'superseded' | 'stopped' | 'changed'>,
})

export const removeDeployment = defineScript({
  name: 'removeDeployment',
  lua: [remove],
  keys: ['deployment', 'deployments', 'endpoints', 'functionLists', 'stopped'],
  args: ['deploymentId', 'endpoint', 'instance', 'rememberMs'],
  durable: true,
  parse: parseOutcome<'ok' | 'superseded'>,
})

export const forgetDeployment = defineScript({
  name: 'forgetDeployment',
  lua: [forget],
  keys: ['deployments', 'endpoints', 'functionLists'],
  args: ['deploymentId', 'functions'],
  parse: parseOutcome<'ok' | 'changed'>,
})

export const findDeployments = defineScript({
  name: 'findDeployments',
  lua: [find],
  keys: ['functionIndex', 'deployments', 'endpoints'],
  args: [],
  parse: parseOutcome<'ok'>,
})
