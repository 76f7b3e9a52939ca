import { RedisWorkflowService } from '@pikku/redis'

export type Client = 'ioredis' | 'node-redis'

/**
 * `floor`: no store, one EVALSHA per step over a bare client. `memory`: Pikku's
 * own in-memory service, which is what the engine costs by itself.
 */
export type Kind = 'ours' | 'published' | 'memory' | 'floor'

export interface Contender {
  readonly id: string
  readonly label: string
  readonly kind: Kind
  readonly client?: Client
  /** `false` passes `pipelining: false`; unset leaves the default. */
  readonly pipelining?: false
}

const ALL: readonly Contender[] = [
  { id: 'ioredis', label: 'ours, ioredis', kind: 'ours', client: 'ioredis' },
  {
    id: 'ioredis-unpipelined',
    label: 'ours, ioredis, pipelining: false',
    kind: 'ours',
    client: 'ioredis',
    pipelining: false,
  },
  {
    id: 'node-redis',
    label: 'ours, node-redis',
    kind: 'ours',
    client: 'node-redis',
  },
  {
    id: 'node-redis-unpipelined',
    label: 'ours, node-redis, pipelining: false',
    kind: 'ours',
    client: 'node-redis',
    pipelining: false,
  },
  {
    id: 'published',
    label: 'published 0.12.18',
    kind: 'published',
    client: 'ioredis',
  },
  { id: 'memory', label: 'engine, in memory', kind: 'memory' },
  {
    id: 'floor-ioredis',
    label: 'raw floor, ioredis',
    kind: 'floor',
    client: 'ioredis',
  },
  {
    id: 'floor-node-redis',
    label: 'raw floor, node-redis',
    kind: 'floor',
    client: 'node-redis',
  },
]

/** What can take part: a build without the option has no `pipelining: false`. */
export function contenders(...kinds: readonly Kind[]): Contender[] {
  return ALL.filter(
    ({ kind, pipelining }) =>
      (kinds.length === 0 || kinds.includes(kind)) &&
      (pipelining === undefined || hasPipelining)
  )
}

export function contenderOf(id: string): Contender {
  const found = ALL.find((contender) => contender.id === id)
  if (!found) throw new Error(`No contender '${id}'`)
  return found
}

/** The floor over the client of this contender. */
export function floorOf({ client }: Contender): Contender | undefined {
  return ALL.find((other) => other.kind === 'floor' && other.client === client)
}

/** An option that is not known is refused by the constructor, unconnected. */
export const hasPipelining = (() => {
  const options = { wireQueues: false, pipelining: false }
  try {
    return Boolean(new RedisWorkflowService('redis://localhost', options))
  } catch {
    return false
  }
})()
