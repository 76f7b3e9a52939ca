import {
  type DeploymentKeys,
  deploymentScripts,
  type ScriptRunner,
} from '@pikku/redis-core'

/** A deployment that can be called. */
export interface LiveDeployment {
  readonly deploymentId: string
  readonly endpoint: string
}

/** For how long a deployment that refused is asked last, in ms. */
const REFUSED_FOR_MS = 5_000

/** Finds the live deployments of a function, in the order to be asked in. */
export class LiveDeployments {
  readonly #runner: ScriptRunner
  readonly #keys: DeploymentKeys
  /** Until when each endpoint that refused is asked last. */
  readonly #refused = new Map<string, number>()

  constructor(runner: ScriptRunner, keys: DeploymentKeys) {
    this.#runner = runner
    this.#keys = keys
  }

  /**
   * In an order that is another one each time, so that calls spread evenly,
   * whatever other processes do; those that refused just now come last.
   */
  async find(funcName: string): Promise<LiveDeployment[]> {
    const { deployments, endpoints } = this.#keys
    const { detail } = await this.#runner.run(
      deploymentScripts.findDeployments,
      {
        keys: {
          functionIndex: this.#keys.functionKey(funcName),
          deployments,
          endpoints,
        },
        args: {},
      }
    )
    const found: LiveDeployment[] = []
    for (let i = 0; i + 1 < detail.length; i += 2) {
      found.push({ deploymentId: detail[i]!, endpoint: detail[i + 1]! })
    }
    return this.#ordered(shuffled(await this.#withEndpoints(found)))
  }

  /** Nothing was sent to it: others are asked before it for a while. */
  refused({ endpoint }: LiveDeployment): void {
    const now = performance.now()
    for (const [each, until] of this.#refused) {
      if (until <= now) this.#refused.delete(each)
    }
    this.#refused.set(endpoint, now + REFUSED_FOR_MS)
  }

  answered({ endpoint }: LiveDeployment): void {
    this.#refused.delete(endpoint)
  }

  /** Those of 0.12 have their endpoint in their own hash only. */
  async #withEndpoints(found: LiveDeployment[]): Promise<LiveDeployment[]> {
    const published = found.filter(({ endpoint }) => endpoint === '')
    if (published.length === 0) return found
    const endpoints = await this.#runner.sendAll(
      published.map(({ deploymentId }) => [
        'HGET',
        this.#keys.deploymentKey(deploymentId),
        'endpoint',
      ])
    )
    return [
      ...found.filter(({ endpoint }) => endpoint !== ''),
      ...published.flatMap(({ deploymentId }, i) => {
        const endpoint = endpoints[i]
        return endpoint ? [{ deploymentId, endpoint: String(endpoint) }] : []
      }),
    ]
  }

  #ordered(live: LiveDeployment[]): LiveDeployment[] {
    const now = performance.now()
    const isLast = ({ endpoint }: LiveDeployment) =>
      (this.#refused.get(endpoint) ?? 0) > now
    return [...live.filter((each) => !isLast(each)), ...live.filter(isLast)]
  }
}

/** Every order is as likely as every other. */
function shuffled<T>(list: readonly T[]): T[] {
  const order = [...list]
  for (let i = order.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    ;[order[i], order[other]] = [order[other]!, order[i]!]
  }
  return order
}
