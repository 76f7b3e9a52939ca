import { RawCluster } from './raw-cluster.js'
import { RawConnection } from './raw-connection.js'
import { RedisServer } from './redis-server.js'
import { until } from './until.js'

const SLOTS = 16_384
const KEYS_AT_ONCE = '100'

export interface RedisClusterOptions {
  /** @default 3 */
  readonly masters?: number
  /** Replicas of each master. @default 0 */
  readonly replicas?: number
  /** More settings for every node. */
  readonly args?: readonly string[]
}

/** A master or a replica, with a connection that asks it and no other node. */
export interface ClusterNode {
  readonly server: RedisServer
  readonly raw: RawConnection
  readonly id: string
}

/** A cluster of real server processes. They die with the test process. */
export class RedisCluster {
  readonly masters: readonly ClusterNode[]
  readonly replicas: readonly ClusterNode[]

  private constructor(
    masters: readonly ClusterNode[],
    replicas: readonly ClusterNode[]
  ) {
    this.masters = masters
    this.replicas = replicas
  }

  static async start({
    masters = 3,
    replicas = 0,
    args = [],
  }: RedisClusterOptions = {}): Promise<RedisCluster> {
    const count = masters * (1 + replicas)
    const nodes = await startNodes(count, args)
    const cluster = new RedisCluster(
      nodes.slice(0, masters),
      nodes.slice(masters)
    )
    try {
      await cluster.#form()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  get urls(): string[] {
    return this.masters.map(({ server }) => server.url)
  }

  /** A connection that finds the node of a key by itself. */
  connect(): Promise<RawCluster> {
    return RawCluster.open(this.urls)
  }

  async slotOf(key: string): Promise<number> {
    return Number(await this.masters[0]!.raw.command('CLUSTER', 'KEYSLOT', key))
  }

  /** The master that has the slot, as itself knows it. */
  async ownerOf(slot: number): Promise<ClusterNode> {
    for (const node of this.masters) {
      const ranges = await this.#slotsOf(node)
      if (ranges.some(([from, to]) => from <= slot && slot <= to)) return node
    }
    throw new Error(`No master has slot ${slot}`)
  }

  /**
   * Moves a slot while clients use it. Between the two halves of its keys
   * `halfway` runs: then both nodes have some, and answer with `ASK`.
   */
  async migrateSlot(
    slot: number,
    to: ClusterNode,
    halfway: () => Promise<unknown> = async () => {}
  ): Promise<void> {
    const from = await this.ownerOf(slot)
    if (from === to) return
    const of = String(slot)
    await to.raw.command('CLUSTER', 'SETSLOT', of, 'IMPORTING', from.id)
    await from.raw.command('CLUSTER', 'SETSLOT', of, 'MIGRATING', to.id)
    const count = Number(
      await from.raw.command('CLUSTER', 'COUNTKEYSINSLOT', of)
    )
    await moveKeys(from, to, of, Math.ceil(count / 2))
    await halfway()
    await moveKeys(from, to, of)
    // The new owner first, so that no moment has none.
    for (const { raw } of [to, from, ...this.masters]) {
      await raw.command('CLUSTER', 'SETSLOT', of, 'NODE', to.id)
    }
  }

  /** Waits until a replica of this master, which is gone, has its slots. */
  async failedOverFrom({ id }: ClusterNode): Promise<void> {
    await until(async () => {
      const [replica] = this.replicas
      const nodes = String(await replica!.raw.command('CLUSTER', 'NODES'))
      const line = nodes.split('\n').find((line) => line.startsWith(id)) ?? ''
      const info = String(await replica!.raw.command('CLUSTER', 'INFO'))
      // A node without slots has eight fields.
      const hasSlots = line.split(' ').length > 8
      return !hasSlots && info.includes('cluster_state:ok')
    }, 'no replica took over')
  }

  /** Ends every node. Safe to call twice. */
  async stop(): Promise<void> {
    const nodes = [...this.masters, ...this.replicas]
    await Promise.all(
      nodes.map(async ({ server, raw }) => {
        await raw.close()
        await server.stop()
      })
    )
  }

  async #form(): Promise<void> {
    const share = Math.ceil(SLOTS / this.masters.length)
    for (const [i, { raw }] of this.masters.entries()) {
      const first = i * share
      const length = Math.min(share, SLOTS - first)
      const slots = Array.from({ length }, (_, n) => first + n)
      await raw.command('CLUSTER', 'ADDSLOTS', ...slots)
    }
    const nodes = [...this.masters, ...this.replicas]
    for (const [i, { raw }] of nodes.entries()) {
      await raw.command('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))
    }
    const { server } = nodes[0]!
    for (const { raw } of nodes.slice(1)) {
      await raw.command('CLUSTER', 'MEET', server.host, server.port)
    }
    await until(async () => {
      const infos = await Promise.all(
        nodes.map(({ raw }) => raw.command('CLUSTER', 'INFO'))
      )
      return infos.every((info) => {
        const text = String(info)
        const known = text.includes(`cluster_known_nodes:${nodes.length}\r`)
        return known && text.includes('cluster_state:ok')
      })
    }, 'the cluster is not formed')
    await this.#replicate()
  }

  async #replicate(): Promise<void> {
    for (const [i, { raw }] of this.replicas.entries()) {
      const { id } = this.masters[i % this.masters.length]!
      await raw.command('CLUSTER', 'REPLICATE', id)
    }
    for (const { raw } of this.replicas) {
      await until(async () => {
        const info = String(await raw.command('INFO', 'replication'))
        return info.includes('master_link_status:up')
      }, 'a replica has no link to its master')
    }
  }

  async #slotsOf({ raw, id }: ClusterNode): Promise<Array<[number, number]>> {
    const nodes = String(await raw.command('CLUSTER', 'NODES'))
    const line = nodes.split('\n').find((line) => line.startsWith(id)) ?? ''
    const ranges: Array<[number, number]> = []
    for (const part of line.split(' ').slice(8)) {
      // '[slot->-node]' is a slot on its way.
      if (part.startsWith('[')) continue
      const [from, to = from] = part.split('-')
      ranges.push([Number(from), Number(to)])
    }
    return ranges
  }
}

async function startNodes(
  count: number,
  args: readonly string[]
): Promise<ClusterNode[]> {
  const settings = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '2000',
  ]
  const starting = Array.from({ length: count }, () =>
    RedisServer.start({ args: [...settings, ...args] })
  )
  const started = await Promise.allSettled(starting)
  const failed = started.find(({ status }) => status === 'rejected')
  const servers = started.flatMap((start) =>
    start.status === 'fulfilled' ? [start.value] : []
  )
  if (failed) {
    await Promise.all(servers.map((server) => server.stop()))
    throw (failed as PromiseRejectedResult).reason
  }
  return Promise.all(
    servers.map(async (server) => {
      const raw = await RawConnection.open(server.url)
      const id = String(await raw.command('CLUSTER', 'MYID'))
      return { server, raw, id }
    })
  )
}

/** @param most Stops when so many were moved, or none is left. */
async function moveKeys(
  from: ClusterNode,
  to: ClusterNode,
  slot: string,
  most = Number.POSITIVE_INFINITY
): Promise<void> {
  let moved = 0
  while (moved < most) {
    const count = String(Math.min(most - moved, Number(KEYS_AT_ONCE)))
    const keys = (await from.raw.command(
      'CLUSTER',
      'GETKEYSINSLOT',
      slot,
      count
    )) as string[]
    if (keys.length === 0) return
    const { host, port } = to.server
    const move = ['MIGRATE', host, port, '', '0', '5000', 'KEYS', ...keys]
    await from.raw.command(...move)
    moved += keys.length
  }
}
