import type { RedisAdapter } from './adapter.js'

/**
 * An adapter that others have too: closing it leaves the connection to whoever
 * made it.
 */
export function shareAdapter(adapter: RedisAdapter): RedisAdapter {
  return {
    topology: adapter.topology,
    client: adapter.client,
    open: () => adapter.open(),
    close: async () => {},
    send: (command) => adapter.send(command),
    sendAll: (commands) => adapter.sendAll(commands),
    subscribe: (channel, listener) => adapter.subscribe(channel, listener),
  }
}
