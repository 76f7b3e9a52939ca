import { threadScriptKeys } from '../../keys/agent-keys.js'
import { defineScript } from '../../script.js'
import { parseOutcome } from '../outcome.js'
import adoptAgentLua from './adopt-agent.lua'
import adoptThreadLua from './adopt-thread.lua'
import createAgentRunLua from './create-agent-run.lua'
import createThreadLua from './create-thread.lua'
import deleteThreadLua from './delete-thread.lua'
import findApprovalsLua from './find-approvals.lua'
import findUnlistedLua from './find-unlisted.lua'
import approvalsLib from './lib/approvals.lua'
import messagesLib from './lib/messages.lua'
import namesLib from './lib/names.lua'
import repeatsLib from './lib/repeats.lua'
import threadsLib from './lib/threads.lua'
import listThreadsLua from './list-threads.lua'
import pageMessagesLua from './page-messages.lua'
import resolveApprovalLua from './resolve-approval.lua'
import saveMemoryLua from './save-memory.lua'
import saveMessagesLua from './save-messages.lua'
import saveScoreLua from './save-score.lua'
import updateAgentRunLua from './update-agent-run.lua'

export const createThread = defineScript({
  name: 'createThread',
  lua: [namesLib, threadsLib, createThreadLua],
  keys: [...threadScriptKeys, 'messageIds'],
  args: ['threadId', 'resourceId', 'title', 'metadata'],
  durable: true,
  parse: parseOutcome<'ok' | 'exists'>,
})

export const deleteThread = defineScript({
  name: 'deleteThread',
  lua: [namesLib, threadsLib, approvalsLib, deleteThreadLua],
  keys: [
    ...threadScriptKeys,
    'messages',
    'messageIds',
    'threadRuns',
    'memory',
    'approvals',
  ],
  args: ['threadId', 'runs'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'none' | 'changed'>,
})

export const listThreads = defineScript({
  name: 'listThreads',
  lua: [namesLib, listThreadsLua],
  keys: ['threads', 'listed', 'byOwner', 'byAgent', 'agents', 'agentThreads'],
  args: ['agentName', 'filter', 'offset', 'limit', 'known'],
  variadic: true,
  parse: parseOutcome<'ok' | 'unlisted' | 'unlisted-agent'>,
})

export const findUnlisted = defineScript({
  name: 'findUnlisted',
  lua: [findUnlistedLua],
  keys: ['threads', 'listed'],
  args: ['from', 'count'],
  parse: parseOutcome<'more' | 'end' | 'same'>,
})

export const adoptThread = defineScript({
  name: 'adoptThread',
  lua: [namesLib, threadsLib, adoptThreadLua],
  keys: [...threadScriptKeys, 'messageIds', 'memory'],
  args: ['threadId', 'agentName'],
  variadic: true,
  parse: parseOutcome<'ok' | 'gone'>,
})

export const adoptAgent = defineScript({
  name: 'adoptAgent',
  lua: [adoptAgentLua],
  keys: ['agents'],
  args: ['agentName', 'count'],
  parse: parseOutcome<'ok'>,
})

export const saveMessages = defineScript({
  name: 'saveMessages',
  lua: [namesLib, threadsLib, messagesLib, saveMessagesLua],
  keys: [...threadScriptKeys, 'messages', 'messageIds'],
  args: ['threadId'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'no-thread'>,
})

export const pageMessages = defineScript({
  name: 'pageMessages',
  lua: [messagesLib, pageMessagesLua],
  keys: ['messages', 'messageIds'],
  args: ['cursor', 'limit'],
  parse: parseOutcome<'ok' | 'unknown'>,
})

export const saveMemory = defineScript({
  name: 'saveMemory',
  lua: [saveMemoryLua],
  keys: ['memory', 'thread'],
  args: ['value', 'scope'],
  durable: true,
  parse: parseOutcome<'ok' | 'no-thread'>,
})

export const createAgentRun = defineScript({
  name: 'createAgentRun',
  lua: [namesLib, threadsLib, approvalsLib, createAgentRunLua],
  keys: [...threadScriptKeys, 'run', 'threadRuns', 'agentThreads', 'approvals'],
  args: ['threadId', 'runId', 'agentName', 'createdAt', 'fields'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'no-thread'>,
})

export const updateAgentRun = defineScript({
  name: 'updateAgentRun',
  lua: [namesLib, approvalsLib, repeatsLib, updateAgentRunLua],
  keys: ['run', 'approvals'],
  args: ['runId', 'fields', 'cleared', 'replace'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'no-run'>,
})

export const findApprovals = defineScript({
  name: 'findApprovals',
  lua: [namesLib, findApprovalsLua],
  keys: ['approvals'],
  args: ['toolCallId'],
  parse: parseOutcome<'ok'>,
})

export const resolveApproval = defineScript({
  name: 'resolveApproval',
  lua: [namesLib, approvalsLib, resolveApprovalLua],
  keys: ['run', 'approvals'],
  args: ['runId', 'toolCallId', 'status', 'member'],
  variadic: true,
  durable: true,
  parse: parseOutcome<'ok' | 'none' | 'decided'>,
})

export const saveScore = defineScript({
  name: 'saveScore',
  lua: [repeatsLib, saveScoreLua],
  keys: ['run'],
  args: ['score'],
  durable: true,
  parse: parseOutcome<'ok' | 'no-run'>,
})
