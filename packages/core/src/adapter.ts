/**
 * A reply in the one shape that every adapter gives, whatever the client and
 * whichever RESP version it speaks: bulk and simple strings are `string`, a
 * missing value is `null`, an integer is `number`, an array is an array, and
 * a map is a flat array of field, value, field, value.
 */
export type RedisReply = string | number | null | RedisReply[]

/** One command, as it goes over the wire. */
export interface RedisCommand {
  /**
   * The key that decides which node of a cluster gets the command. `null` for
   * commands without a key (`PING`): any node will do.
   */
  readonly key: string | null
  /** The command's name in capitals, then its arguments. */
  readonly args: readonly [string, ...string[]]
}

/** Ends a subscription. Calling it twice does no harm. */
export type Unsubscribe = () => Promise<void>

/**
 * The whole of what this family of packages asks of a Redis client.
 *
 * All behaviour lives above it: an adapter translates, and decides nothing.
 * Two rules make that safe:
 *
 * - an error reply of the server rejects with `RedisReplyError`, every other
 *   failure with `RedisConnectionError`, of which `RedisClosedError` says that
 *   no later call can succeed either; the client's own error is the cause;
 * - an adapter does not repeat a command and has no deadline: `ScriptRunner`
 *   does both. (Some clients send what they had in hand again when they are
 *   back. Scripts stand that, and reads are only reads.)
 */
export interface RedisAdapter {
  /** `cluster`: keys live on several nodes, so one script touches one slot. */
  readonly topology: 'single' | 'cluster'

  /** The client itself, for what this contract does not cover. */
  readonly client: unknown

  /**
   * Makes sure that commands can be sent: connects if the adapter owns the
   * connection, otherwise checks that the shared client answers.
   *
   * Can be called again after a failure, and after success it does nothing
   * while the connection lasts. A command or a subscription that comes first
   * opens a connection that the adapter owns, too.
   *
   * @throws RedisClosedError once `close()` was called.
   * @throws RedisConnectionError within the client's own connect timeout, for
   *   instance for a wrong host, port or password.
   */
  open(): Promise<void>

  /**
   * Closes what the adapter opened: its own connection and its subscriptions.
   * A client that the application brought stays open. Idempotent. What it
   * overtakes leaves nothing open.
   */
  close(): Promise<void>

  /** Sends one command. */
  send(command: RedisCommand): Promise<RedisReply>

  /**
   * Sends several commands in one write and waits for all of them. Replies
   * come in the order of the commands, an error in the place of its command.
   * Commands of the same key go over the same connection. It never rejects.
   *
   * In a cluster all commands of one key may be answered `MOVED` or `ASK`: its
   * slot is on another node. Then whoever sent them sends them one by one,
   * which is followed to that node.
   */
  sendAll(commands: readonly RedisCommand[]): Promise<Array<RedisReply | Error>>

  /**
   * Listens to a channel, on a connection of its own where the client needs
   * one, also across reconnections.
   */
  subscribe(
    channel: string,
    listener: (message: string) => void
  ): Promise<Unsubscribe>
}

/** The key of all these commands, or `null` if they do not have the same. */
export function keyOfAll([first, ...others]: readonly RedisCommand[]):
  string | null {
  const key = first?.key ?? null
  return others.every((command) => command.key === key) ? key : null
}

/** Whether a value can be used as a {@link RedisAdapter}. */
export function isRedisAdapter(value: unknown): value is RedisAdapter {
  if (typeof value !== 'object' || value === null) return false
  const candidate = value as Partial<Record<keyof RedisAdapter, unknown>>
  return (
    (candidate.topology === 'single' || candidate.topology === 'cluster') &&
    typeof candidate.open === 'function' &&
    typeof candidate.close === 'function' &&
    typeof candidate.send === 'function' &&
    typeof candidate.sendAll === 'function' &&
    typeof candidate.subscribe === 'function'
  )
}
