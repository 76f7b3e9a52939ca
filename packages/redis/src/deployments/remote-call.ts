import { RedisRemoteCallError } from '@pikku/redis-core'
import { parseUrl, withoutSlash } from './deployment.js'
import type { LiveDeployment } from './live-deployments.js'

/** One call, as every deployment would get it. */
export interface RemoteCall {
  readonly funcName: string
  readonly headers: Headers
  readonly body: string
  readonly timeoutMs: number | undefined
  /** Ends the call, wherever it is by then. */
  readonly signal: AbortSignal | undefined
}

const MOST_REDIRECTS = 5

/**
 * Calls the function on one deployment.
 *
 * @throws RedisRemoteCallError, whose `mayHaveRun` is false only if it is
 *   certain that no request was sent.
 */
export async function callRemote(
  call: RemoteCall,
  { deploymentId, endpoint }: LiveDeployment
): Promise<unknown> {
  const { funcName } = call
  const base = parseUrl(endpoint)
  const failure = (mayHaveRun: boolean, why: string, more: Failure = {}) =>
    new RedisRemoteCallError(
      { funcName, deploymentId, mayHaveRun, status: more.status },
      `${why} (deployment '${deploymentId}'${base ? ` at ${shown(base)}` : ''})`,
      more
    )
  if (!base || base.username !== '' || base.password !== '') {
    throw failure(false, 'its endpoint cannot be called')
  }
  const path = `/remote/rpc/${encodeURIComponent(funcName)}`
  const progress = { isAnswered: false }
  let response: Response
  try {
    response = await request(
      call,
      new URL(withoutSlash(endpoint) + path),
      progress
    )
  } catch (cause) {
    const mayHaveRun = progress.isAnswered || !saysNothingSent(cause)
    throw failure(mayHaveRun, reason(cause, call), { cause })
  }
  const { status } = response
  if (!response.ok) {
    // Not read, because it may say anything; let go, so that others can use it.
    await response.body?.cancel().catch(() => {})
    throw failure(true, String(status), { status })
  }
  try {
    const text = await response.text()
    return text === '' ? undefined : JSON.parse(text)
  } catch (cause) {
    const why =
      cause instanceof SyntaxError
        ? 'its answer is not JSON'
        : reason(cause, call)
    throw failure(true, `${status}, ${why}`, { status, cause })
  }
}

interface Failure {
  status?: number
  cause?: unknown
}

/**
 * Follows the redirects that repeat the request as it is (307, 308) by itself:
 * `fetch` would not say whether what was refused is the first address or one
 * behind it, nor that it left a POST for a GET.
 */
async function request(
  call: RemoteCall,
  first: URL,
  progress: { isAnswered: boolean }
): Promise<Response> {
  const headers = new Headers(call.headers)
  let url = first
  for (let hops = 0; ; hops++) {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: call.body,
      redirect: 'manual',
      ...(call.signal && { signal: call.signal }),
    })
    progress.isAnswered = true
    const next = redirectOf(response, url)
    if (next === undefined || hops === MOST_REDIRECTS) return response
    await response.body?.cancel().catch(() => {})
    // The token is for the deployment, and for nobody that it points to.
    if (next.origin !== url.origin) headers.delete('authorization')
    url = next
  }
}

function redirectOf(response: Response, url: URL): URL | undefined {
  if (response.status !== 307 && response.status !== 308) return undefined
  const location = response.headers.get('location')
  return location === null ? undefined : parseUrl(location, url)
}

/** What fails before a connection is there, by the calls of the system. */
const BEFORE_CONNECTED = new Set(['connect', 'getaddrinfo'])
/** A connection that nobody answered, and certificates that are refused. */
const NOTHING_SENT =
  /^(UND_ERR_CONNECT_TIMEOUT|ERR_TLS_CERT_ALTNAME_INVALID|CERT_\w+|(DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|UNABLE_TO_\w+)$/

/** Whether it is certain that no part of the request left this process. */
function saysNothingSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // One error for each address of a name.
  if (error instanceof AggregateError) {
    return error.errors.length > 0 && error.errors.every(saysNothingSent)
  }
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall !== undefined) return BEFORE_CONNECTED.has(syscall)
  if (code !== undefined) return NOTHING_SENT.test(code)
  return saysNothingSent(error.cause)
}

/** `fetch failed` says nothing; what is underneath does. */
function reason(error: unknown, { timeoutMs }: RemoteCall): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return cause.message || (cause as NodeJS.ErrnoException).code || cause.name
}

function shown({ origin, pathname }: URL): string {
  return withoutSlash(origin + pathname)
}
