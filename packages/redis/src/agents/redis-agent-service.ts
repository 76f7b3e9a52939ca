import { AgentKeys, type RedisAdapter } from '@pikku/redis-core'
import { RedisService } from '../common/redis-service.js'
import {
  resolveServiceOptions,
  type ServiceOptions,
} from '../common/service-options.js'
import type { AgentContext } from './agent-context.js'

export interface RedisAgentServiceOptions extends ServiceOptions {
  /**
   * The start of every key. Workflows have keys of the same names: give them
   * another one.
   * @default 'ai'
   */
  keyPrefix?: string
}

/** What the two services of agents have in common: what their stores share. */
export abstract class RedisAgentService extends RedisService {
  protected readonly context: AgentContext

  protected constructor(
    adapter: RedisAdapter,
    given?: RedisAgentServiceOptions | string
  ) {
    const options = resolveServiceOptions<RedisAgentServiceOptions>(given, {})
    super(adapter, options)
    this.context = {
      runner: this.runner,
      keys: new AgentKeys(options.keyPrefix ?? 'ai', adapter.topology),
      encode: this.encode.bind(this),
    }
  }
}
