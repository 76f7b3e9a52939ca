import {
  type DeploymentKeys,
  deploymentScripts,
  RedisCorruptDataError,
  randomToken,
  type ScriptRunner,
} from '@pikku/redis-core'
import type { Deployment } from './deployment.js'

/** How often a start looks again at functions that others change meanwhile. */
const MOST_TRIES = 10

export interface RegistrationSettings {
  /** For how long it stands without being renewed, in ms. */
  readonly ttlMs: number
  /** The longest that a call may be on its way, in ms. */
  readonly callTimeoutMs: number
}

/** What a heartbeat found. */
export type Renewal = 'ok' | 'restored' | 'superseded' | 'stopped'

/** One start of a deployment, until it is removed or another one follows. */
export class Registration {
  readonly deployment: Deployment
  /** Tells this start from others of the same id. */
  readonly #instance = randomToken()
  readonly #runner: ScriptRunner
  readonly #keys: DeploymentKeys
  readonly #settings: RegistrationSettings
  /** The functions as JSON. */
  readonly #functions: string
  readonly #functionKeys: readonly string[]
  readonly #ownKeys: Record<'deployment' | 'stopped', string>

  /** @throws RedisArgumentError for a name that cannot be a key. */
  constructor(
    deployment: Deployment,
    functions: string,
    runner: ScriptRunner,
    keys: DeploymentKeys,
    settings: RegistrationSettings
  ) {
    this.deployment = deployment
    this.#functions = functions
    this.#runner = runner
    this.#keys = keys
    this.#settings = settings
    this.#functionKeys = deployment.functions.map((each) =>
      keys.functionKey(each)
    )
    this.#ownKeys = {
      deployment: keys.deploymentKey(deployment.deploymentId),
      stopped: keys.stoppedKey(this.#instance),
    }
  }

  /**
   * Registers it in place of whatever had its id, and leaves the functions that
   * that one had and this one has not.
   */
  async claim(): Promise<void> {
    let before = ''
    for (let i = 0; i < MOST_TRIES; i++) {
      const { code, detail } = await this.#register({ claim: true, before })
      if (code !== 'changed') return
      before = detail[0] ?? ''
    }
    throw new RedisCorruptDataError(
      this.#ownKeys.deployment,
      'functions',
      'it is no text, or changes all the time'
    )
  }

  /** Registers it whole for another while, unless another start followed. */
  async renew(): Promise<Renewal> {
    const { code, detail } = await this.#register({ claim: false, before: '' })
    for (let i = 0; i + 1 < detail.length; i += 2) {
      // What is dead is found by nobody: a later heartbeat takes it away, too.
      await this.#forget(detail[i]!, detail[i + 1]!).catch(() => {})
    }
    return code as Renewal
  }

  /** Takes it away, unless another start followed. Can be called again. */
  async remove(): Promise<void> {
    const { deploymentId, endpoint } = this.deployment
    await this.#runner.run(deploymentScripts.removeDeployment, {
      keys: this.#allKeys(),
      moreKeys: this.#functionKeys,
      args: {
        deploymentId,
        endpoint,
        instance: this.#instance,
        // Past its deadline a call does nothing, so nobody has to remember.
        rememberMs: 2 * this.#settings.callTimeoutMs,
      },
    })
  }

  #register({ claim, before }: { claim: boolean; before: string }) {
    const { deploymentId, endpoint, functions } = this.deployment
    const gone = namesIn(before).filter((each) => !functions.includes(each))
    return this.#runner.run(deploymentScripts.registerDeployment, {
      keys: this.#allKeys(),
      moreKeys: [...this.#functionKeys, ...this.#keysOf(gone)],
      args: {
        deploymentId,
        endpoint,
        functions: this.#functions,
        instance: this.#instance,
        ttlMs: this.#settings.ttlMs,
        claim: claim ? 1 : 0,
        before,
        count: functions.length,
      },
      durable: claim,
    })
  }

  async #forget(deploymentId: string, functions: string): Promise<void> {
    const { deployments, endpoints, functionLists } = this.#keys
    await this.#runner.run(deploymentScripts.forgetDeployment, {
      keys: { deployments, endpoints, functionLists },
      moreKeys: this.#keysOf(namesIn(functions)),
      args: { deploymentId, functions },
    })
  }

  #allKeys() {
    const { deployments, endpoints, functionLists } = this.#keys
    return { ...this.#ownKeys, deployments, endpoints, functionLists }
  }

  #keysOf(names: readonly string[]): string[] {
    return names.map((each) => this.#keys.functionKey(each))
  }
}

/** The names in a stored list; what is none was written by somebody else. */
function namesIn(list: string): string[] {
  let names: unknown
  try {
    names = JSON.parse(list)
  } catch {
    return []
  }
  if (!Array.isArray(names)) return []
  return names.filter(
    (each): each is string =>
      typeof each === 'string' && each !== '' && each.isWellFormed()
  )
}
