import { cpus } from 'node:os'
import { RedisCluster } from '@pikku/redis-testing'
import { contenderOf, contenders } from '../contenders.ts'
import { openDriver } from '../driver.ts'
import type { Lab } from '../lab.ts'
import { measureLoad } from '../measure-load.ts'
import type { Row, Sample, Scenario, Target, Values } from '../scenario.ts'
import { rotated } from '../statistics.ts'

const LANES = 32
const PROCESSES = [1, 2, 4, 8]
const QUICK_PROCESSES = [2]
/** Masters of each cluster; none is a single server. */
const MASTERS = [0, 1, 3]
const QUICK_MASTERS = [0, 1]
/** A node without others does not know its address, which ioredis asks for. */
const ANNOUNCED = ['--cluster-announce-ip', '127.0.0.1']
/** From which share on a core is busy. */
const BUSY = 0.9

export const growth: Scenario = {
  name: 'growth',
  title: 'More processes, more masters',
  about: `${LANES} runs at once in each of 1, 2, 4 and 8 processes, against one
server and against clusters of 1 and 3 masters (the published package knows no
cluster). Everything is on one machine: once its cores are busy, more processes
only wait for each other, and the notes say which case that is.`,
  metrics: {
    stepsPerSecond: { label: 'steps/s of all', unit: '/s', better: 'higher' },
    clientCores: { label: 'cores of all clients', unit: '', better: 'lower' },
    serverCores: { label: 'cores of all servers', unit: '', better: 'lower' },
    machineCores: { label: 'cores that were busy', unit: '', better: 'lower' },
    clientCpuUs: { label: 'client CPU a step', unit: 'µs', better: 'lower' },
    serverCpuUs: { label: 'server CPU a step', unit: 'µs', better: 'lower' },
  },
  headline: 'stepsPerSecond',
  sharedScale: true,

  collect: (lab) => lab.spreadOut(() => collectAll(lab)),

  async measure(bench) {
    const driver = await openDriver(bench)
    const load = await measureLoad(bench, driver, LANES)
    await driver.close()
    return { ...load }
  },

  notes: (rows) =>
    rows
      .filter(({ metric }) => metric === 'stepsPerSecond')
      .map(
        (row) =>
          `${row.case}, ${contenderOf(row.contender).label}: busy is ${saturated(row, rows)}`
      ),
}

async function collectAll(lab: Lab): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const masters of lab.settings.quick ? QUICK_MASTERS : MASTERS) {
    if (masters === 0) {
      samples.push(...(await onServers(lab, lab.target, masters)))
      continue
    }
    const cluster = await RedisCluster.start({ masters, args: ANNOUNCED })
    try {
      const target = { urls: cluster.urls, cluster: true }
      samples.push(...(await onServers(lab, target, masters)))
    } finally {
      await cluster.stop()
    }
  }
  return samples
}

async function onServers(
  lab: Lab,
  target: Target,
  masters: number
): Promise<Sample[]> {
  const where =
    masters === 0 ? 'one server' : countOf(masters, 'master', 'masters')
  const { settings } = lab
  // A third of the rounds, at least one: there are many cases.
  const rounds = Math.ceil(settings.rounds / 3)
  const participants = contenders('ours', 'published').filter(
    ({ kind, pipelining }) =>
      pipelining === undefined && (kind === 'ours' || !target.cluster)
  )
  const samples: Sample[] = []
  for (const processes of settings.quick ? QUICK_PROCESSES : PROCESSES) {
    const name = `${where}, ${countOf(processes, 'process', 'processes')}`
    for (let round = 0; round < rounds; round++) {
      for (const { id } of rotated(participants, round)) {
        await lab.flush(target)
        const values = await measureTogether(lab, target, id, name, processes)
        samples.push({ case: name, contender: id, values })
      }
      lab.log(`growth, ${name}: round ${round + 1} of ${rounds}`)
    }
    if (!settings.quick) await lab.stopProcesses()
  }
  return samples
}

/** The processes begin when all of them are warm. */
async function measureTogether(
  lab: Lab,
  target: Target,
  contender: string,
  name: string,
  count: number
): Promise<Values> {
  const workers = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      lab.process(`${contender} ${i}`, true)
    )
  )
  const { promise: allWarm, resolve } = Promise.withResolvers<void>()
  let warm = 0
  const request = { ...lab.request('growth', contender, name), target }
  const loads = await Promise.all(
    workers.map((worker) =>
      worker.measure(request, () => {
        if (++warm === count) resolve()
        return allWarm
      })
    )
  )
  const sum = (of: (load: Values) => number) =>
    loads.reduce((total, load) => total + of(load), 0)
  const stepsPerSecond = sum((load) => load['steps']! / load['seconds']!)
  const clientCores = sum((load) => load['clientCpu']! / load['seconds']!)
  // Each of them asked the same servers.
  const serverCores =
    sum((load) => load['serverCpu']! / load['seconds']!) / count
  const machineCores =
    sum((load) => load['machineCpu']! / load['seconds']!) / count
  return {
    stepsPerSecond,
    clientCores,
    serverCores,
    machineCores,
    clientCpuUs: (clientCores * 1e6) / stepsPerSecond,
    serverCpuUs: (serverCores * 1e6) / stepsPerSecond,
  }
}

function countOf(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

function saturated(row: Row, rows: readonly Row[]): string {
  const of = (metric: string) =>
    rows.find(
      (other) =>
        other.case === row.case &&
        other.contender === row.contender &&
        other.metric === metric
    )?.median ?? 0
  const processes = Number(/(\d+) process/.exec(row.case)?.[1])
  const masters = Number(/(\d+) master/.exec(row.case)?.[1] ?? 1)
  const busy = [
    ...(of('machineCores') >= BUSY * cpus().length ? ['the machine'] : []),
    ...(of('serverCores') >= BUSY * masters ? ["the servers' cores"] : []),
    ...(of('clientCores') >= BUSY * processes ? ["the clients' cores"] : []),
  ]
  return busy.length > 0 ? busy.join(', ') : 'nothing'
}
