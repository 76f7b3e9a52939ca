import { request, type RequestOptions } from 'node:http'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { reasonOf } from './reason-of.js'

const ANSWER_WITHIN_MS = 2_000

/**
 * Where a Docker engine answers; throws an error that says where it was looked for. Testcontainers takes long
 * to find out that there is none, so it is only asked once one has answered.
 */
export async function findDockerEngine(): Promise<string> {
  const places = dockerPlaces()
  const reasons: string[] = []
  for (const place of places) {
    try {
      await ping(place)
      return place
    } catch (error) {
      reasons.push(`${place} (${codeOf(error) ?? reasonOf(error)})`)
    }
  }
  throw new Error(`no Docker engine answers at ${reasons.join(', ')}`)
}

// The message of a refused connection repeats the place.
function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

// The places where testcontainers looks.
function dockerPlaces(): string[] {
  const host = process.env['DOCKER_HOST']
  if (host) return [host]
  const runtimeFolder = process.env['XDG_RUNTIME_DIR']
  return [
    '/var/run/docker.sock',
    ...(runtimeFolder ? [join(runtimeFolder, 'docker.sock')] : []),
    join(homedir(), '.docker/run/docker.sock'),
    join(homedir(), '.docker/desktop/docker.sock'),
  ].map((path) => `unix://${path}`)
}

function ping(place: string): Promise<void> {
  const url = new URL(place)
  if (url.protocol === 'unix:') {
    return httpPing({ socketPath: decodeURIComponent(url.pathname) })
  }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (process.env['DOCKER_TLS_VERIFY'] || url.protocol === 'https:') {
    // Testcontainers knows the certificates; that something listens has to do here.
    return tcpPing(host, Number(url.port || 2376))
  }
  return httpPing({ host, port: Number(url.port || 2375) })
}

function httpPing(where: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    const asking = request({ ...where, path: '/_ping', signal }, (response) => {
      response.resume()
      if (response.statusCode === 200) resolve()
      else reject(new Error(`/_ping answers ${response.statusCode}`))
    })
    asking.on('error', reject)
    asking.end()
  })
}

function tcpPing(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}
