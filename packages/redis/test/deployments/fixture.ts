import { type RedisDeploymentService, RedisRemoteCallError } from '@pikku/redis'
import { DeploymentKeys } from '@pikku/redis-core'
import type { RawRedis } from '@pikku/redis-testing'
import { expect, inject } from 'vitest'
import { type Client, connectionOf, openRaw, testPrefix } from '../clients.js'
import { RemoteServer } from './remote-server.js'

/** Beats often and expires soon: what happens by itself is waited for. */
export const QUICK = { heartbeatInterval: 50, heartbeatTtl: 400 }
/** Does not beat while a test runs. */
export const CALM = { heartbeatInterval: 20_000, heartbeatTtl: 60_000 }

export const HOSTILE = [
  'a:b',
  '*',
  '[x]',
  '{tag}',
  'with space',
  '🦆',
  '__proto__',
  '../x?y#z%',
  'x'.repeat(4_096),
]

/** Expects a remote call to fail, and says how. */
export async function failureOf(
  call: Promise<unknown>
): Promise<RedisRemoteCallError> {
  const error: unknown = await call.catch((e: unknown) => e)
  expect(error).toBeInstanceOf(RedisRemoteCallError)
  return error as RedisRemoteCallError
}

/** Keeps the lines of a service. */
export class Log {
  readonly lines: string[] = []
  readonly warn = (line: string) => void this.lines.push(`warn ${line}`)
  readonly info = (line: string) => void this.lines.push(`info ${line}`)
}

/** A test's services, servers and keys, which all end with it. */
export class Fixture {
  readonly keyPrefix = testPrefix()
  readonly keys = new DeploymentKeys(
    this.keyPrefix,
    inject('redisCluster').length > 0 ? 'cluster' : 'single'
  )
  readonly log = new Log()
  readonly raw: RawRedis
  readonly #client: Client
  readonly #ends: Array<() => Promise<unknown>> = []

  private constructor(client: Client, raw: RawRedis) {
    this.#client = client
    this.raw = raw
  }

  static async open(client: Client): Promise<Fixture> {
    return new Fixture(client, await openRaw())
  }

  create(config: object = CALM, options: object = {}): RedisDeploymentService {
    const service = new this.#client.entry.RedisDeploymentService(
      config,
      connectionOf(this.#client),
      { keyPrefix: this.keyPrefix, logger: this.log, ...options }
    )
    this.#ends.push(() => service.close())
    return service
  }

  async serve(
    ...args: Parameters<typeof RemoteServer.start>
  ): Promise<RemoteServer> {
    const server = await RemoteServer.start(...args)
    this.#ends.push(() => server.stop())
    return server
  }

  /** Registers a server, or an endpoint, with a service of its own. */
  async deploy(
    deploymentId: string,
    at: RemoteServer | string,
    functions = ['f']
  ): Promise<RedisDeploymentService> {
    const service = this.create()
    const endpoint = typeof at === 'string' ? at : at.endpoint
    await service.start({ deploymentId, endpoint, functions })
    return service
  }

  /** An address that refuses: it was somebody's until now. */
  async refusing(): Promise<string> {
    const server = await this.serve()
    await server.stop()
    return server.endpoint
  }

  onEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end)
  }

  async hash(deploymentId: string): Promise<Record<string, unknown>> {
    const key = this.keys.deploymentKey(deploymentId)
    const flat = (await this.raw.command('HGETALL', key)) as string[]
    const pairs: Array<[string, string]> = []
    for (let i = 0; i < flat.length; i += 2) {
      pairs.push([flat[i]!, flat[i + 1]!])
    }
    return Object.fromEntries(pairs)
  }

  async deploymentsOf(funcName: string): Promise<string[]> {
    const key = this.keys.functionKey(funcName)
    return (await this.raw.command('ZRANGE', key, '0', '-1')) as string[]
  }

  /** Which of the keys that belong to a deployment's family there are. */
  async left(deploymentId: string, functions: string[]): Promise<string[]> {
    const { deployments, endpoints, functionLists } = this.keys
    const keys = [
      deployments,
      endpoints,
      functionLists,
      this.keys.deploymentKey(deploymentId),
      ...functions.map((each) => this.keys.functionKey(each)),
    ]
    const left: string[] = []
    for (const key of keys) {
      if (Number(await this.raw.command('EXISTS', key)) === 1) left.push(key)
    }
    return left
  }

  async end(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end()))
    await this.raw.close()
  }
}
