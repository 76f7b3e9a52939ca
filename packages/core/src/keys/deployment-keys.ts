import type { RedisAdapter } from '../adapter.js'
import { oneSlotPrefix, requiredName } from './key-parts.js'

/**
 * `{prefix}:deployment:{deploymentId}` and `{prefix}:fn:{funcName}` as 0.12 has
 * them, and beside them what 0.12 does not have. One script touches all of
 * them, so on a cluster they are in one slot.
 */
export class DeploymentKeys {
  readonly prefix: string
  /** A sorted set: each deployment's id, by when it expires. */
  readonly deployments: string
  /** A hash: each deployment's endpoint. */
  readonly endpoints: string
  /** A hash: each deployment's functions, to find what a dead one left. */
  readonly functionLists: string

  /** @throws RedisOptionsError */
  constructor(prefix: string, topology: RedisAdapter['topology']) {
    this.prefix = oneSlotPrefix(prefix, topology)
    this.deployments = `${this.prefix}:deployments`
    this.endpoints = `${this.prefix}:deployment-endpoints`
    this.functionLists = `${this.prefix}:deployment-functions`
  }

  /** @throws RedisArgumentError for an id that is no string, or empty. */
  deploymentKey(deploymentId: string): string {
    const id = requiredName('A deployment id', deploymentId)
    return `${this.prefix}:deployment:${id}`
  }

  /** @throws RedisArgumentError for a name that is no string, or empty. */
  functionKey(funcName: string): string {
    return `${this.prefix}:fn:${requiredName('A function name', funcName)}`
  }

  /** Says that an instance has stopped, while calls of its may be on the way. */
  stoppedKey(instance: string): string {
    return `${this.prefix}:deployment-stopped:${instance}`
  }
}
