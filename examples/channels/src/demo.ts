import { setTimeout as delay } from 'node:timers/promises'
import { ChatClient } from './chat-client.ts'
import { ServerProcess } from './server-process.ts'
import { openStores, type StoreOptions, type Stores } from './stores.ts'
import { serverOf } from './transport.ts'

/** For how long channels outlive their server, in ms. */
const LEASE_MS = 2_000
/** How long the other server may take to notice, and some time to spare. */
const SWEEP_MS = LEASE_MS / 3 + 2_000
const TOPIC = 'news'

/**
 * The whole story on one client.
 *
 * @throws Error that says what went otherwise.
 */
export async function runDemo(options: StoreOptions): Promise<void> {
  const servers: ServerProcess[] = []
  // Only looks at what the servers have stored: it adds nothing.
  const stores = await openStores(options)
  try {
    for (const name of ['A', 'B']) {
      const server = await ServerProcess.start({
        ...options,
        name,
        leaseMs: LEASE_MS,
      })
      servers.push(server)
      tell(`server ${name} is process ${server.pid}, port ${server.port}`)
    }
    await tellStory(servers[0]!, servers[1]!, stores)
  } finally {
    await Promise.all(servers.map((server) => server.end('SIGTERM')))
    await stores.close()
  }
}

async function tellStory(
  serverA: ServerProcess,
  serverB: ServerProcess,
  stores: Stores
): Promise<void> {
  const ada = await join('ada', serverA)
  const grace = await join('grace', serverB)
  const alan = await join('alan', serverB)
  await showTopic(stores, 3)

  await publish(grace, 'hello from B', [ada, alan])
  await publish(ada, 'hello from A', [grace, alan])

  await serverA.end('SIGKILL')
  const died = performance.now()
  tell(`kill -9 ${serverA.pid}: server A is gone`)
  await ada.closed
  tell('ada has lost her connection')
  // Her channel is still listed: the message to its server reaches nobody.
  await publish(grace, 'are you all there?', [alan])

  while (await hasChannelsOf(stores, 'A')) {
    if (performance.now() - died > LEASE_MS + SWEEP_MS) {
      throw new Error("Server A's channels are still there after its lease")
    }
    await delay(20)
  }
  const gone = Math.round(performance.now() - died)
  tell(`after ${gone} ms nothing of server A is left (its lease: ${LEASE_MS})`)
  await expectRemoved(stores, ada.channelId)
  await showTopic(stores, 2)

  const back = await ChatClient.connect('ada', serverB.url)
  const resume = { type: 'resume', user: 'ada' } as const
  const { session } = await back.ask(resume, 'session')
  tell(`ada is back, at B, with the session from ${session.loggedInAt}`)
  expectEqual(session.loggedInAt, 'A', "the server of ada's login")
  await subscribe(back)
  await publish(alan, 'welcome back', [back, grace])

  await grace.close()
  await serverB.end('SIGTERM')
  tell('server B is stopped, and takes its channels with it')
  await showTopic(stores, 0)
}

/** Connects, logs in, subscribes. */
async function join(user: string, server: ServerProcess): Promise<ChatClient> {
  const client = await ChatClient.connect(user, server.url)
  await client.ask({ type: 'login', user }, 'session')
  await subscribe(client)
  tell(`${user} is logged in at ${server.name}, and listens to '${TOPIC}'`)
  return client
}

async function subscribe(client: ChatClient): Promise<void> {
  await client.ask({ type: 'subscribe', topic: TOPIC }, 'subscribed')
}

/** Expects each of the others to get it, whichever server they are on. */
async function publish(
  from: ChatClient,
  text: string,
  to: readonly ChatClient[]
): Promise<void> {
  from.say({ type: 'publish', topic: TOPIC, text })
  for (const client of to) {
    const message = await client.next('message')
    expectEqual(message.text, text, `what ${client.user} got`)
    expectEqual(message.from, from.user, `who ${client.user} got it from`)
  }
  const names = to.map(({ user }) => user).join(' and ')
  tell(`${from.user}: '${text}', which reaches ${names}`)
}

async function hasChannelsOf(
  { topics }: Stores,
  name: string
): Promise<boolean> {
  const listening = await topics.getChannelIdsForTopic(TOPIC)
  return listening.some((id) => serverOf(id).startsWith(`${name}-`))
}

async function expectRemoved(
  { channels }: Stores,
  channelId: string
): Promise<void> {
  const read = await channels.getChannel(channelId).catch(String)
  expectEqual(
    read,
    `RedisChannelNotFoundError: Channel not found: ${channelId}`,
    'a channel of the dead server'
  )
}

async function showTopic({ topics }: Stores, expected: number): Promise<void> {
  const listening = await topics.getChannelIdsForTopic(TOPIC)
  const at = listening.map(serverOf).toSorted().join(', ') || 'nobody'
  tell(`Redis: '${TOPIC}' has ${listening.length} channels: ${at}`)
  expectEqual(listening.length, expected, 'how many channels listen')
}

function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (actual === expected) return
  throw new Error(`${what}: ${String(actual)}, not ${String(expected)}`)
}

function tell(line: string): void {
  console.log(`  ${line}`)
}
