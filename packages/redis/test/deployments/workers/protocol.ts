/** What a worker is told by its environment, as JSON. */
export interface DeploymentSetup {
  readonly client: string
  readonly connection: unknown
  readonly keyPrefix: string
  readonly config: { heartbeatInterval: number; heartbeatTtl: number }
  readonly deploymentId: string
  readonly functions: readonly string[]
}
