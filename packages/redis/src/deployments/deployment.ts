import { getAllFunctionNames } from '@pikku/core/function'
import type { DeploymentConfig } from '@pikku/core/services'
import { RedisArgumentError } from '@pikku/redis-core'

/** What a deployment registers, checked. */
export interface Deployment {
  readonly deploymentId: string
  readonly endpoint: string
  readonly functions: readonly string[]
}

/** @throws RedisArgumentError that names what is wrong. */
export function checkedDeployment(config: DeploymentConfig): Deployment {
  if (typeof config !== 'object' || config === null) {
    throw new RedisArgumentError('A deployment must be an object')
  }
  const { deploymentId, endpoint, functions = getAllFunctionNames() } = config
  if (typeof deploymentId !== 'string' || deploymentId === '') {
    throw new RedisArgumentError('A deploymentId must be a string, not empty')
  }
  if (!Array.isArray(functions)) {
    throw new RedisArgumentError(
      `The functions of deployment '${deploymentId}' must be an array of names`
    )
  }
  functions.forEach(checkFunctionName)
  return {
    deploymentId,
    endpoint: checkedEndpoint(endpoint, deploymentId),
    functions: [...new Set(functions)],
  }
}

/** @throws RedisArgumentError for what cannot be a function of a deployment. */
export function checkFunctionName(funcName: unknown): void {
  if (typeof funcName !== 'string' || funcName === '') {
    throw new RedisArgumentError('A function name must be a string, not empty')
  }
  // In a URL these lead out of the folder of functions, encoded or not.
  if (funcName === '.' || funcName === '..') {
    throw new RedisArgumentError(
      `'${funcName}' cannot be the name of a remote function: it has no URL`
    )
  }
}

/** The endpoint as others put a path behind it, with no slash at its end. */
function checkedEndpoint(endpoint: unknown, deploymentId: string): string {
  const what = `The endpoint of deployment '${deploymentId}'`
  const url = typeof endpoint === 'string' ? parseUrl(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RedisArgumentError(`${what} must be a URL of http or https`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new RedisArgumentError(
      `${what} must not hold a user or password: every process that reads it ` +
        'would see them, and fetch refuses them'
    )
  }
  if (/[?#]/.test(url.href)) {
    throw new RedisArgumentError(
      `${what} must not hold a query or fragment: a path is put behind it`
    )
  }
  return withoutSlash(url.href)
}

export function withoutSlash(endpoint: string): string {
  return endpoint.replace(/\/+$/, '')
}

export function parseUrl(text: string, base?: URL): URL | undefined {
  return URL.canParse(text, base?.href) ? new URL(text, base) : undefined
}
