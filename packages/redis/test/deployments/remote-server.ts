import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RemoteRequest {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Answer = (response: ServerResponse, request: RemoteRequest) => void

/** A real HTTP server in the place of a deployment; it keeps what it gets. */
export class RemoteServer {
  readonly requests: RemoteRequest[] = []
  readonly port: number
  readonly #server: Server

  private constructor(server: Server, answer: Answer) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('request', async (message, response) => {
      let body = ''
      for await (const chunk of message) body += String(chunk)
      const { url = '', headers } = message
      const request = { url, headers, body }
      this.requests.push(request)
      answer(response, request)
    })
  }

  /** @param answer By default the port, so that a test sees who answered. */
  static async start(answer?: Answer): Promise<RemoteServer> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return new RemoteServer(
      server,
      answer ?? ((response) => response.end(String(port)))
    )
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close').catch(() => {})
  }
}
