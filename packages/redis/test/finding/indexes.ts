import type { RedisReply } from '@pikku/redis-core'
import { keysOf, type RunService, type Service } from '../clients.js'

/** All that the indexes of a prefix hold, over all partitions. */
export async function readIndexes(
  { adapter }: Service | RunService,
  prefix: string
): Promise<
  Record<'listing' | 'counts' | 'idle' | 'pending' | 'leases', string[]>
> {
  const read = async (key: string, ...args: [string, ...string[]]) =>
    list(await adapter.send({ key, args }))
  const held = {
    listing: [] as string[],
    counts: [] as string[],
    idle: [] as string[],
    pending: [] as string[],
    leases: [] as string[],
  }
  for (const keys of keysOf(prefix).allIndexKeys()) {
    held.counts.push(...(await read(keys.counts, 'HGETALL', keys.counts)))
    for (const index of ['listing', 'idle', 'pending', 'leases'] as const) {
      const key = keys[index]
      held[index].push(...(await read(key, 'ZRANGE', key, '0', '-1')))
    }
  }
  return held
}

function list(reply: RedisReply): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
