import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { Client } from './contenders.ts'

/** A bare client: what commands cost without anything of ours around them. */
export interface RawClient {
  send(...args: [string, ...string[]]): Promise<unknown>
  close(): Promise<void>
}

export async function openRawClient(
  client: Client,
  url: string
): Promise<RawClient> {
  if (client === 'ioredis') {
    const redis = new Redis(url, { lazyConnect: true })
    await redis.connect()
    return {
      send: (...args) => redis.call(...args),
      close: async () => void (await redis.quit()),
    }
  }
  // As the adapter opens one: its timer for each command would raise the floor.
  const commandOptions = { timeout: undefined }
  const redis = await createClient({ url, commandOptions }).connect()
  return {
    send: (...args) => redis.sendCommand(args),
    close: () => redis.close(),
  }
}
