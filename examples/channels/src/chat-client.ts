import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Reply, Request } from './protocol.ts'

const DEADLINE_MS = 10_000

type ReplyOf<Type extends Reply['type']> = Extract<Reply, { type: Type }>

/** A user with a browser: one WebSocket connection to one server. */
export class ChatClient {
  readonly user: string
  readonly closed: Promise<unknown>
  readonly #socket: WebSocket
  #channelId = ''
  readonly #unread: Reply[] = []
  #onReply = () => {}

  private constructor(user: string, socket: WebSocket) {
    this.user = user
    this.#socket = socket
    this.closed = once(socket, 'close')
    socket.on('message', (data) => {
      this.#unread.push(JSON.parse(String(data)) as Reply)
      this.#onReply()
    })
    // A connection that breaks is told by 'close', too.
    socket.on('error', () => {})
  }

  static async connect(user: string, url: string): Promise<ChatClient> {
    const client = new ChatClient(user, new WebSocket(url))
    client.#channelId = (await client.next('welcome')).channelId
    return client
  }

  get channelId(): string {
    return this.#channelId
  }

  say(request: Request): void {
    this.#socket.send(JSON.stringify(request))
  }

  /** Says it, and waits for the reply of that type. */
  ask<Type extends Reply['type']>(
    request: Request,
    type: Type
  ): Promise<ReplyOf<Type>> {
    this.say(request)
    return this.next(type)
  }

  /** The next reply that was not read yet, which has to be of that type. */
  async next<Type extends Reply['type']>(type: Type): Promise<ReplyOf<Type>> {
    const deadline = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => deadline.reject(new Error(`${this.user} got no ${type} in time`)),
      DEADLINE_MS
    )
    try {
      while (this.#unread.length === 0) {
        const arrived = new Promise<void>((resolve) => {
          this.#onReply = resolve
        })
        await Promise.race([arrived, deadline.promise])
      }
    } finally {
      clearTimeout(timer)
    }
    const reply = this.#unread.shift()!
    if (reply.type === type) return reply as ReplyOf<Type>
    throw new Error(`${this.user} got ${JSON.stringify(reply)}, not a ${type}`)
  }

  async close(): Promise<void> {
    this.#socket.close()
    await this.closed
  }
}
