import { buildRemoteHeaders } from '@pikku/core/remote'
import type {
  DeploymentConfig,
  DeploymentService,
  DeploymentServiceConfig,
  JWTService,
  SecretService,
} from '@pikku/core/services'
import {
  DeploymentKeys,
  RedisArgumentError,
  type RedisAdapter,
  RedisDeploymentNotFoundError,
  RedisRemoteCallError,
  resolveRunnerOptions,
  within,
} from '@pikku/redis-core'
import { encodeJson } from '../common/json.js'
import { RedisService } from '../common/redis-service.js'
import { log } from '../common/service-logger.js'
import { checkedDeployment, checkFunctionName } from './deployment.js'
import {
  type DeploymentSettings,
  type RedisDeploymentServiceOptions,
  resolveDeploymentOptions,
} from './deployment-options.js'
import { Heartbeat } from './heartbeat.js'
import { LiveDeployments } from './live-deployments.js'
import { Registration } from './registration.js'
import { callRemote, type RemoteCall } from './remote-call.js'

/** How long `close()` tries to take the registration away, in ms. */
const LEAVE_TIMEOUT_MS = 1_000

/**
 * Deployments that call each other's functions. As in 0.12 a deployment is the
 * hash `{prefix}:deployment:{deploymentId}` (endpoint, functions) with an
 * expiry, and `{prefix}:fn:{funcName}` is a sorted set of deployments, by when
 * they expire. Each heartbeat registers all of that in one script by the
 * server's clock, so it brings back whatever went missing.
 *
 * Concurrency: the last `start` of an id is the one that counts. An earlier one
 * in another process renews nothing and takes nothing away when it stops; it
 * comes back by itself once the other is gone without having stopped.
 * A heartbeat that is under way when its deployment stops changes nothing,
 * however late it arrives. Calls of `start` and `stop` go one after the other.
 *
 * Crash: each transition is one script. A process that is killed is found until
 * its TTL has passed; what it leaves in indexes is never found after that, and
 * other deployments' heartbeats take it away.
 */
export abstract class BaseRedisDeploymentService
  extends RedisService
  implements DeploymentService
{
  readonly #keys: DeploymentKeys
  readonly #settings: DeploymentSettings
  readonly #callTimeoutMs: number
  readonly #live: LiveDeployments
  #registration: Registration | undefined
  #heartbeat: Heartbeat | undefined
  #turn: Promise<unknown> = Promise.resolve()

  protected constructor(
    adapter: RedisAdapter,
    config?: DeploymentServiceConfig,
    given?: RedisDeploymentServiceOptions | string,
    jwt?: JWTService,
    secrets?: SecretService
  ) {
    const settings = resolveDeploymentOptions(config, given, jwt, secrets)
    super(adapter, settings)
    this.#settings = settings
    this.#callTimeoutMs = resolveRunnerOptions(settings).callTimeoutMs
    this.#keys = new DeploymentKeys(
      settings.keyPrefix ?? 'pikku',
      adapter.topology
    )
    this.#live = new LiveDeployments(this.runner, this.#keys)
  }

  /**
   * Registers this process as a deployment, and keeps it registered until
   * `stop`. Starting again replaces what was registered: functions that are no
   * longer listed are left, and so is another deploymentId.
   *
   * @throws RedisArgumentError for an endpoint that is no URL of http or https,
   *   holds a user, a query or a fragment, or for bad names; nothing was sent.
   * @throws RedisConnectionError and others, if it could not be registered:
   *   then there is no heartbeat, but for one that there was before.
   */
  async start(config: DeploymentConfig): Promise<void> {
    const deployment = checkedDeployment(config)
    const { deploymentId, functions } = deployment
    const next = new Registration(
      deployment,
      this.encode(functions, `The functions of deployment '${deploymentId}'`),
      this.runner,
      this.#keys,
      {
        ttlMs: this.#settings.heartbeatTtl,
        callTimeoutMs: this.#callTimeoutMs,
      }
    )
    await this.#inTurn(() => this.#start(next))
  }

  /**
   * Takes the registration away, and closes the connection if it was made here;
   * on one that is shared, `start` works again after that. Without a
   * registration there is nothing to do but to close.
   *
   * @throws RedisConnectionError and others, if the registration could not be
   *   taken away: then it ends with its TTL, as there is no heartbeat.
   */
  async stop(): Promise<void> {
    await this.#inTurn(async () => {
      try {
        await this.#leave()
      } finally {
        await super.close()
      }
    })
  }

  /**
   * Like `stop`, but never fails and does not wait for a Redis that is gone: a
   * registration that could not be taken away is logged, and ends with its TTL.
   */
  override async close(): Promise<void> {
    this.#heartbeat?.end()
    const left = this.#inTurn(() => this.#leave())
    await within(LEAVE_TIMEOUT_MS, left).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      const message = `A deployment could not be taken away: ${why}`
      log(this.#settings.logger, 'warn', message)
    })
    await super.close()
  }

  /**
   * Calls a function on one of the live deployments that have it, on each as
   * often as on the others. One that refuses is skipped: only a failure that
   * says that nothing was sent (no such host, connection refused, no connection
   * in time, a certificate that is not trusted) goes on to the next. Whatever
   * may have run is not called a second time. That includes 503 and 429: a
   * function may answer them itself, and a proxy after it passed the call on.
   *
   * @returns What the function returned; `undefined` for an empty answer.
   * @throws RedisDeploymentNotFoundError if no live deployment has it.
   * @throws RedisRemoteCallError if it failed there, took longer than
   *   `invokeTimeoutMs`, or answered something else than JSON; with
   *   `mayHaveRun` false if all of them refused.
   * @throws RedisSerializationError, RedisArgumentError; nothing was called.
   */
  async invoke(
    funcName: string,
    data: unknown,
    session?: unknown,
    traceId?: string
  ): Promise<unknown> {
    checkFunctionName(funcName)
    const what = `The data for function '${funcName}'`
    const body = encodeJson({ data }, what, Number.POSITIVE_INFINITY)
    const live = await this.#live.find(funcName)
    if (live.length === 0) throw new RedisDeploymentNotFoundError(funcName)
    const { jwt, secrets, invokeTimeoutMs } = this.#settings
    const headers = toHeaders(
      await buildRemoteHeaders(jwt, secrets, funcName, session, traceId)
    )
    const call: RemoteCall = {
      funcName,
      headers,
      body,
      timeoutMs: invokeTimeoutMs,
      signal: invokeTimeoutMs
        ? AbortSignal.timeout(invokeTimeoutMs)
        : undefined,
    }
    const refusals: RedisRemoteCallError[] = []
    for (const each of live) {
      try {
        const result = await callRemote(call, each)
        this.#live.answered(each)
        return result
      } catch (error) {
        if (!(error instanceof RedisRemoteCallError)) throw error
        if (error.mayHaveRun) throw error
        this.#live.refused(each)
        refusals.push(error)
      }
    }
    throw allRefused(funcName, refusals)
  }

  async #start(next: Registration): Promise<void> {
    await this.init()
    const before = this.#registration?.deployment.deploymentId
    if (before !== undefined && before !== next.deployment.deploymentId) {
      await this.#leave()
    }
    // One that failed may still have been written: stop() is to take it away.
    this.#registration ??= next
    await next.claim()
    this.#heartbeat?.end()
    this.#registration = next
    this.#heartbeat = new Heartbeat(next, this.#settings)
  }

  async #leave(): Promise<void> {
    this.#heartbeat?.end()
    this.#heartbeat = undefined
    await this.#registration?.remove()
    this.#registration = undefined
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action, action)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

function allRefused(
  funcName: string,
  refusals: readonly RedisRemoteCallError[]
): RedisRemoteCallError {
  const [first] = refusals
  if (refusals.length === 1 && first) return first
  const why = `none of ${refusals.length} deployments could be reached`
  return new RedisRemoteCallError({ funcName, mayHaveRun: false }, why, {
    cause: new AggregateError(refusals, why),
  })
}

/** The runtime's own error would show the value, and that may be the token. */
function toHeaders(headers: Record<string, string>): Headers {
  const checked = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    try {
      checked.set(name, value)
    } catch {
      throw new RedisArgumentError(
        `The header '${name}' would hold a character that no header can hold`
      )
    }
  }
  return checked
}
