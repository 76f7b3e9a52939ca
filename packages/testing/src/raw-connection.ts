import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { parseRawReply, RawReplyError, type RawReply } from './raw-reply.js'

export type RawArgument = string | number | Buffer

export interface RawConnectionOptions {
  /** @default 5000 */
  readonly connectTimeoutMs?: number
}

interface Waiter {
  resolve(reply: RawReply): void
  reject(error: Error): void
}

/**
 * A RESP2 connection without a client library, so that tests can look at a server without going through the
 * clients that they test. Commands are answered in order and may be sent without waiting for the last answer.
 */
export class RawConnection {
  #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #waiters: Waiter[] = []
  #closedBecause: Error | undefined
  #closed: Promise<void>

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (error) => this.#fail(error))
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#fail(new Error('the connection was closed'))
        resolve()
      })
    })
  }

  /** Connects to `redis://` or `rediss://`, with the user, the password and the database of the URL. */
  static async open(
    url: string,
    { connectTimeoutMs = 5_000 }: RawConnectionOptions = {}
  ): Promise<RawConnection> {
    const { protocol, hostname, port, username, password, pathname } = new URL(
      url
    )
    const address = {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 6379),
    }
    const secure = protocol === 'rediss:'
    const socket = secure
      ? connectTls({ ...address, servername: address.host })
      : connect(address)
    await connected(socket, secure, connectTimeoutMs)

    const connection = new RawConnection(socket)
    try {
      if (password) {
        const credentials = [username, password]
          .filter(Boolean)
          .map(decodeURIComponent)
        await connection.command('AUTH', ...credentials)
      }
      const database = pathname.slice(1)
      if (database) await connection.command('SELECT', database)
    } catch (error) {
      await connection.close()
      throw error
    }
    return connection
  }

  /** Resolves to the reply; rejects with `RawReplyError` when the server answers with an error. */
  command(...args: RawArgument[]): Promise<RawReply> {
    if (this.#closedBecause) return Promise.reject(this.#closedBecause)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#socket.write(encode(args))
    })
  }

  /** Safe to call twice. Commands without an answer are rejected. */
  async close(): Promise<void> {
    this.#socket.destroy()
    await this.#closed
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    let end = 0
    try {
      for (
        let parsed = parseRawReply(this.#received);
        parsed;
        parsed = parseRawReply(this.#received, end)
      ) {
        end = parsed.end
        this.#answer(parsed.reply)
        if (end === this.#received.length) break
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.#received = this.#received.subarray(end)
  }

  #answer(reply: RawReply): void {
    const waiter = this.#waiters.shift()
    if (!waiter) throw new Error('the server answered without being asked')
    if (reply instanceof RawReplyError) waiter.reject(reply)
    else waiter.resolve(reply)
  }

  #fail(error: Error): void {
    this.#closedBecause ??= error
    this.#socket.destroy()
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }
}

function connected(
  socket: Socket,
  secure: boolean,
  timeoutMs: number
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error) => {
      clearTimeout(timer)
      socket.removeAllListeners()
      if (!error) return resolve()
      // A destroyed socket may still report: nobody is left to listen, and that must not end the process.
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(
      () => finish(new Error(`no connection within ${timeoutMs} ms`)),
      timeoutMs
    )
    socket.once(secure ? 'secureConnect' : 'connect', () => finish())
    socket.once('error', finish)
  })
}

function encode(args: readonly RawArgument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
