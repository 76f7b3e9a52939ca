import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Reply, Request } from './protocol.ts'
import { openStores, type StoreOptions } from './stores.ts'
import { Transport } from './transport.ts'

/**
 * As JSON in SERVER: unlike arguments, an environment does not show a URL's
 * password in the list of processes.
 */
export interface ServerOptions extends StoreOptions {
  readonly name: string
  readonly leaseMs: number
}

const { name, leaseMs, ...storeOptions } = JSON.parse(
  process.env['SERVER']!
) as ServerOptions

/** Connections of this process, by channel. */
const sockets = new Map<string, WebSocket>()

const stores = await openStores(storeOptions, {
  leaseMs,
  // This process was away for too long, and its channels were taken for dead.
  // Clients that lose their connection come back, and subscribe again.
  onChannelsLost: (ids) => {
    for (const id of ids) sockets.get(id)?.close(1012)
  },
})
const transport = new Transport(
  stores.adapter,
  storeOptions.keyPrefix,
  `${name}-${process.pid}`,
  (channelId, reply) => say(sockets.get(channelId), reply)
)
await transport.listen()

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', (socket) => {
  const channelId = transport.newChannelId()
  sockets.set(channelId, socket)
  // One after the other, so that nothing comes before the channel is there, nor
  // after it was removed.
  let last: Promise<void> = open(channelId)
  const then = (work: () => Promise<void>) => {
    last = last.then(work).catch((error: Error) => {
      say(socket, { type: 'error', error: `${error.name}: ${error.message}` })
    })
  }
  then(async () => say(socket, { type: 'welcome', channelId }))
  socket.on('message', (data) =>
    then(() => answer(channelId, JSON.parse(String(data)) as Request))
  )
  socket.on('close', () => {
    sockets.delete(channelId)
    then(() => stores.channels.removeChannels([channelId]))
  })
  socket.on('error', console.error)
})

async function open(channelId: string): Promise<void> {
  await stores.channels.addChannel({ channelId, channelName: 'chat' })
}

async function answer(channelId: string, request: Request): Promise<void> {
  const { channels, sessions, topics } = stores
  const socket = sockets.get(channelId)
  switch (request.type) {
    case 'login': {
      const session = { userId: request.user, loggedInAt: name }
      await sessions.set(request.user, session)
      await channels.setPikkuUserId(channelId, request.user)
      return say(socket, { type: 'session', session })
    }
    case 'resume': {
      const session = await sessions.get(request.user)
      if (!session) throw new Error(`${request.user} is not logged in`)
      await channels.setPikkuUserId(channelId, request.user)
      return say(socket, { type: 'session', session })
    }
    case 'subscribe': {
      await userOf(channelId)
      await topics.subscribe(request.topic, channelId)
      return say(socket, { type: 'subscribed', topic: request.topic })
    }
    case 'publish': {
      const { topic, text } = request
      const from = await userOf(channelId)
      const listening = await topics.getChannelIdsForTopic(topic)
      const others = listening.filter((id) => id !== channelId)
      return transport.send(others, { type: 'message', topic, from, text })
    }
  }
}

/** The user of a channel, whose session still has to be there. */
async function userOf(channelId: string): Promise<string> {
  const { pikkuUserId = '' } = await stores.channels.getChannel(channelId)
  const session = pikkuUserId && (await stores.sessions.get(pikkuUserId))
  if (!session) throw new Error('Log in first')
  return session.userId
}

function say(socket: WebSocket | undefined, reply: Reply): void {
  socket?.send(JSON.stringify(reply))
}

// A deploy: connections end with the process, so their channels go first.
process.once('SIGTERM', () => {
  void (async () => {
    server.close()
    for (const socket of sockets.values()) socket.close(1012)
    await stores.close()
    process.exit(0)
  })()
})
// Whoever started it is gone.
process.once('disconnect', () => process.exit(1))
if (server.address() === null) await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)
