import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { RequestParser } from './request-parser.ts'

export interface WireCount {
  /** How often something was sent after something was received. */
  readonly roundTrips: number
  readonly commands: number
  /** Commands by name. */
  readonly calls: Record<string, number>
  readonly bytesSent: number
  readonly bytesReceived: number
}

/**
 * Counts what goes over the wire, for every client alike: it stands between a
 * client and the server. Commands inside of a script are none of its business.
 * Round trips are exact while the client does one thing at a time; a request
 * of several MB may be counted twice.
 */
export class WireMeter {
  readonly url: string
  readonly #server: Server
  #sending = false
  #roundTrips = 0
  #calls = new Map<string, number>()
  #bytesSent = 0
  #bytesReceived = 0

  private constructor(server: Server) {
    this.#server = server
    const { port } = server.address() as AddressInfo
    this.url = `redis://127.0.0.1:${port}`
  }

  /** @param url A single server's, without TLS. */
  static async open(url: string): Promise<WireMeter> {
    const { hostname, port } = new URL(url)
    const server = createServer({ noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const meter = new WireMeter(server)
    server.on('connection', (client) => {
      const upstream = connect({
        host: hostname,
        port: Number(port || 6379),
        noDelay: true,
      })
      const parser = new RequestParser((name) => meter.#count(name))
      client.on('data', (chunk: Buffer) => {
        meter.#sent(chunk.length)
        parser.push(chunk)
        upstream.write(chunk)
      })
      upstream.on('data', (chunk: Buffer) => {
        meter.#received(chunk.length)
        client.write(chunk)
      })
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        one.on('error', () => other.destroy())
        one.on('close', () => other.destroy())
      }
    })
    return meter
  }

  /** What the body sent and received. */
  async count(body: () => Promise<unknown>): Promise<WireCount> {
    this.#sending = false
    this.#roundTrips = 0
    this.#calls = new Map()
    this.#bytesSent = 0
    this.#bytesReceived = 0
    await body()
    return this.read()
  }

  /** So far in the body that is being counted. */
  read(): WireCount {
    const calls = Object.fromEntries(this.#calls)
    return {
      roundTrips: this.#roundTrips,
      commands: Object.values(calls).reduce((sum, count) => sum + count, 0),
      calls,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
    }
  }

  /** Close the clients first. */
  async close(): Promise<void> {
    this.#server.close()
  }

  #sent(bytes: number): void {
    if (!this.#sending) this.#roundTrips++
    this.#sending = true
    this.#bytesSent += bytes
  }

  #received(bytes: number): void {
    this.#sending = false
    this.#bytesReceived += bytes
  }

  #count(name: string): void {
    this.#calls.set(name, (this.#calls.get(name) ?? 0) + 1)
  }
}
