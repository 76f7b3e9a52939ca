import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

const HOST = '127.0.0.1'

/** One client's connection, and ours to the server on its behalf. */
interface Link {
  readonly client: Socket
  readonly server: Socket
  readonly queues: { toServer: Queue; toClient: Queue }
  /** Whether nothing of the next reply may get back. */
  doomed: boolean
}

interface Queue {
  readonly chunks: Array<{ bytes: Buffer; dueAt: number }>
  timer: NodeJS.Timeout | undefined
}

interface Watch {
  readonly text: string
  readonly seen: (link: Link) => void
}

/**
 * A TCP proxy in front of one Redis, which fails on demand as networks do: it
 * cuts, stalls, delays and loses replies, and never reorders.
 */
export class FaultProxy {
  readonly host = HOST
  readonly #server: Server
  readonly #target: { host: string; port: number }
  readonly #links = new Set<Link>()
  readonly #watches = new Set<Watch>()
  #refusing = false
  #stalled = false
  #delayMs = 0
  #cutAfter: { bytes: number; done: () => void } | undefined

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server
    this.#target = target
    server.on('connection', (client) => this.#accept(client))
  }

  static async start(target: {
    host: string
    port: number
  }): Promise<FaultProxy> {
    const proxy = new FaultProxy(createServer({ noDelay: true }), target)
    proxy.#server.listen(0, HOST)
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') {
      throw new Error('The proxy is closed')
    }
    return address.port
  }

  get url(): string {
    return `redis://${HOST}:${this.port}`
  }

  /** From now on everything passes, at once; what was held is delivered. */
  pass(): void {
    this.#refusing = false
    this.#stalled = false
    this.#delayMs = 0
    this.#pumpAll()
  }

  /** Cuts all connections, and new ones as soon as they are made. */
  refuse(): void {
    this.#refusing = true
    this.cut()
  }

  /** Cuts all connections there are. */
  cut(): void {
    for (const link of this.#links) this.#destroy(link)
  }

  /** Holds all bytes, in their order, until {@link pass}. */
  stall(): void {
    this.#stalled = true
  }

  /** Delivers bytes that much later than they came, in ms. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Cuts the connection of the next reply after so many bytes of it. */
  cutReplyAfter(bytes: number): Promise<void> {
    return new Promise((done) => {
      this.#cutAfter = { bytes, done }
    })
  }

  /**
   * Lets the next request with this text reach the server, and cuts its
   * connection as soon as the server has answered: the reply is lost.
   *
   * @returns When that has happened.
   */
  loseReplyTo(text: string): Promise<void> {
    return new Promise((done) => {
      this.#watch(text, (link) => {
        link.doomed = true
        link.client.once('close', done)
      })
    })
  }

  /** When a request with this text has come from a client, stalled or not. */
  waitForRequest(text: string): Promise<void> {
    return new Promise((done) => this.#watch(text, () => done()))
  }

  async close(): Promise<void> {
    this.refuse()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #watch(text: string, seen: (link: Link) => void): void {
    const watch: Watch = {
      text,
      seen: (link) => {
        this.#watches.delete(watch)
        seen(link)
      },
    }
    this.#watches.add(watch)
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.destroy()
      return
    }
    const link: Link = {
      client,
      server: connect({ ...this.#target, noDelay: true }),
      queues: {
        toServer: { chunks: [], timer: undefined },
        toClient: { chunks: [], timer: undefined },
      },
      doomed: false,
    }
    this.#links.add(link)
    for (const socket of [link.client, link.server]) {
      // Whatever ends one side ends the other; 'close' follows 'error'.
      socket.on('error', () => {})
      socket.on('close', () => this.#destroy(link))
    }
    client.on('data', (bytes) => this.#request(link, bytes))
    link.server.on('data', (bytes) => this.#reply(link, bytes))
  }

  #request(link: Link, bytes: Buffer): void {
    for (const watch of this.#watches) {
      if (bytes.includes(watch.text)) watch.seen(link)
    }
    this.#enqueue(link, 'toServer', bytes)
  }

  #reply(link: Link, bytes: Buffer): void {
    if (link.doomed) return this.#destroy(link)
    const cut = this.#cutAfter
    if (cut === undefined) return this.#enqueue(link, 'toClient', bytes)
    this.#cutAfter = undefined
    link.client.once('close', cut.done)
    if (cut.bytes === 0) return this.#destroy(link)
    link.client.end(bytes.subarray(0, cut.bytes), () => this.#destroy(link))
  }

  #enqueue(link: Link, direction: keyof Link['queues'], bytes: Buffer): void {
    const dueAt = performance.now() + this.#delayMs
    link.queues[direction].chunks.push({ bytes, dueAt })
    this.#pump(link, direction)
  }

  #pump(link: Link, direction: keyof Link['queues']): void {
    const queue = link.queues[direction]
    const target = direction === 'toServer' ? link.server : link.client
    clearTimeout(queue.timer)
    while (!this.#stalled && queue.chunks[0]) {
      const waitMs = queue.chunks[0].dueAt - performance.now()
      if (this.#delayMs > 0 && waitMs > 0) {
        queue.timer = setTimeout(() => this.#pump(link, direction), waitMs)
        return
      }
      target.write(queue.chunks.shift()!.bytes)
    }
  }

  #pumpAll(): void {
    for (const link of this.#links) {
      this.#pump(link, 'toServer')
      this.#pump(link, 'toClient')
    }
  }

  #destroy(link: Link): void {
    this.#links.delete(link)
    clearTimeout(link.queues.toServer.timer)
    clearTimeout(link.queues.toClient.timer)
    link.client.destroy()
    link.server.destroy()
  }
}
