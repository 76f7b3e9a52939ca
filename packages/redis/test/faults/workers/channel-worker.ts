import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  RedisChannelStore as OverIoRedis,
  RedisEventHubStore as HubOverIoRedis,
} from '@pikku/redis'
import {
  RedisChannelStore as OverNodeRedis,
  RedisEventHubStore as HubOverNodeRedis,
} from '@pikku/redis/node-redis'

// A server process that keeps channels: it is told the id of one on stdin, adds
// it and lets it listen to the topic of its name and to 'all'.

export interface ChannelWorkerSetup {
  client: string
  url: string
  keyPrefix: string
  leaseMs: number
}

const { client, url, keyPrefix, leaseMs } = JSON.parse(
  process.env['CHANNEL_WORKER']!
) as ChannelWorkerSetup
const say = (line: string) => writeSync(1, `${line}\n`)

const options = {
  keyPrefix,
  leaseMs,
  logger: { warn: (message: string) => say(`warning ${message}`) },
  onChannelsLost: (ids: string[]) => say(`lost ${JSON.stringify(ids)}`),
}
const store =
  client === 'ioredis'
    ? new OverIoRedis(url, options)
    : new OverNodeRedis(url, options)
const hub =
  client === 'ioredis'
    ? new HubOverIoRedis(url, keyPrefix)
    : new HubOverNodeRedis(url, keyPrefix)
await store.init()
await hub.init()
say('ready')
for await (const channelId of createInterface({ input: process.stdin })) {
  await store.addChannel({ channelId, channelName: 'chat' })
  await store.setState(channelId, { of: channelId })
  await hub.subscribe('all', channelId)
  await hub.subscribe(`of ${channelId}`, channelId)
  say(`added ${channelId}`)
}
