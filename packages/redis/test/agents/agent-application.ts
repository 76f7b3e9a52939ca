import {
  addFunction,
  pikkuState,
  resetPikkuState,
  setSingletonServices,
} from '@pikku/core/ecosystem'
import { addAgent, resumeAgent, runAgent, streamAgent } from '@pikku/core/agent'
import type { RedisAgentStorageService } from '@pikku/redis'

type Params = Parameters<typeof runAgent>[2]
type Services = Parameters<typeof setSingletonServices>[0]
type Channel = Parameters<typeof streamAgent>[2]
export interface Call {
  toolCallId: string
  toolName: string
  args: unknown
}

/** What a model answers: text, or calls of tools. */
export type Answer = string | Call[]

interface Tool {
  name: string
  needsApproval?: boolean
  execute(args: unknown): Promise<unknown>
}

/**
 * The engine with agents whose model answers what a test says. Pikku keeps it
 * in a global, so a process has one at a time.
 */
export class AgentApplication {
  readonly calls: unknown[] = []
  readonly answers = new Map<string, Answer[]>()

  constructor(storage: RedisAgentStorageService) {
    resetPikkuState()
    const ignore = () => {}
    const step = async (params: { agentId: string; tools: Tool[] }) => {
      const answer = this.answers.get(params.agentId)?.shift() ?? 'done'
      const toolCalls = typeof answer === 'string' ? [] : answer
      const toolResults = []
      for (const call of toolCalls) {
        const tool = params.tools.find(({ name }) => name === call.toolName)
        if (!tool || tool.needsApproval) continue
        const result = await tool.execute(call.args)
        toolResults.push({ ...call, result })
      }
      return {
        text: typeof answer === 'string' ? answer : '',
        toolCalls,
        toolResults,
        usage: { inputTokens: 1, outputTokens: 2 },
        finishReason: 'stop',
      }
    }
    setSingletonServices({
      config: {},
      logger: {
        debug: ignore,
        info: ignore,
        error: console.error,
        warn: ignore,
      },
      agentStorage: storage,
      agentRunState: storage,
      agentRunner: { run: step, stream: step },
    } as unknown as Services)
  }

  agent(name: string, meta: { tools?: string[]; agents?: string[] }) {
    pikkuState(null, 'agent', 'agentsMeta')[name] = {
      name,
      description: name,
      goal: name,
      model: 'm',
      ...meta,
    } as never
    addAgent(name, {
      name,
      description: name,
      goal: name,
      model: 'p/m',
    } as never)
  }

  tool(name: string, { approvalRequired = false } = {}) {
    addFunction(name, {
      func: async (_services: unknown, data: unknown) => {
        this.calls.push([name, data])
        return { ok: name }
      },
    })
    pikkuState(null, 'rpc', 'meta')[name] = name
    pikkuState(null, 'function', 'meta')[name] = {
      pikkuFuncId: name,
      sessionless: true,
      functionType: 'helper',
      inputSchemaName: null,
      outputSchemaName: null,
      approvalRequired,
    } as never
  }

  params(userId: string): Params {
    const session = { userId }
    return {
      sessionService: {
        get: () => session,
        freezeInitial: () => session,
        set: () => {},
        clear: () => {},
        sessionChanged: false,
      },
    } as unknown as Params
  }

  get channel(): Channel {
    return {
      channelId: 'c',
      openingData: undefined,
      state: 'open',
      close: () => {},
      send: () => {},
      sendBinary: () => {},
      setState: () => {},
      getState: () => undefined,
      clearState: () => {},
    } as unknown as Channel
  }

  run(agent: string, userId: string, threadId: string, message = 'hi') {
    return runAgent(
      agent,
      { message, threadId, resourceId: userId } as never,
      this.params(userId)
    )
  }

  stream(agent: string, userId: string, threadId: string, message = 'hi') {
    return streamAgent(
      agent,
      { message, threadId, resourceId: userId } as never,
      this.channel,
      this.params(userId)
    )
  }

  resume(userId: string, runId: string, toolCallId: string, approved = true) {
    return resumeAgent(
      { runId, toolCallId, approved } as never,
      this.channel,
      this.params(userId)
    )
  }
}
