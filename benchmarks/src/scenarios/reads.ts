import { contenders, type Contender } from '../contenders.ts'
import { addOtherKeys, addRuns, addRunWithSteps, fits } from '../fill.ts'
import type { Lab } from '../lab.ts'
import { openRawClient } from '../raw-client.ts'
import type { Bench, Scenario, Target } from '../scenario.ts'
import { median } from '../statistics.ts'
import { openRuns, openStore } from '../store.ts'
import { WireMeter } from '../wire-meter.ts'

const SIZES = [1_000, 100_000, 1_000_000, 10_000_000]
/** It scans all keys for each read: half a minute beside ten million. */
const MOST_FOR_PUBLISHED = 100_000
/** One of so many keys is a run, which the list of runs has to pass over. */
const KEYS_PER_RUN = 100
const STEPS = 10
const PAGE = 50
const LEAST_READS = 3

type Reads = Record<'history' | 'instances' | 'graph' | 'page', Read>
type Read = () => Promise<unknown>

export const reads: Scenario = {
  name: 'reads',
  title: 'Reads beside many other keys',
  about: `Reads of a run of ${STEPS} steps, and a page of the ${PAGE} newest runs,
beside so many other keys: one of ${KEYS_PER_RUN} is a run, the others are
strings of another part of an application. The published package takes part up
to ${MOST_FOR_PUBLISHED} keys: it scans them all. The floor reads the same over a
bare client: an LRANGE of the history, and ${PAGE} HGETALL in one write.`,
  metrics: {
    historyMs: { label: 'getRunHistory', unit: 'ms', better: 'lower' },
    instancesMs: { label: 'getStepInstances', unit: 'ms', better: 'lower' },
    graphMs: { label: 'getCompletedGraphState', unit: 'ms', better: 'lower' },
    pageMs: { label: 'a page of listRuns', unit: 'ms', better: 'lower' },
    historyTrips: trips('getRunHistory'),
    instancesTrips: trips('getStepInstances'),
    graphTrips: trips('getCompletedGraphState'),
    pageTrips: trips('a page of listRuns'),
  },
  headline: 'historyMs',

  collect(lab) {
    return lab.inTurns({
      scenario: 'reads',
      cases: sizesOf(lab).map((size) => `${size} keys`),
      contenders: (name) =>
        contenders('ours', 'published', 'floor').filter(
          ({ kind }) => kind !== 'published' || isSmall(name)
        ),
      prepare: (name) => fill(lab, sizeOf(name), isSmall(name)),
    })
  },

  async measure(bench) {
    const { warmupMs, measureMs } = bench.settings
    const direct = await openReads(bench, bench.target)
    await bench.begin()
    const values: Record<string, number> = {}
    for (const [name, read] of Object.entries(direct.reads)) {
      await repeat(read, warmupMs / 4)
      const times = await repeat(read, measureMs / 4)
      values[`${name}Ms`] = median(times)
    }
    await direct.close()

    const meter = await WireMeter.open(bench.target.urls[0]!)
    const through = { urls: [meter.url], cluster: false }
    const counted = await openReads(bench, through)
    for (const [name, read] of Object.entries(counted.reads)) {
      await read()
      values[`${name}Trips`] = (await meter.count(read)).roundTrips
    }
    await counted.close()
    await meter.close()
    return values
  },
}

function trips(label: string) {
  const better = 'lower' as const
  return { label: `round trips of ${label}`, unit: '', better }
}

const sizeOf = (name: string) => Number.parseInt(name, 10)
const isSmall = (name: string) => sizeOf(name) <= MOST_FOR_PUBLISHED
const prefixOf = ({ kind }: Contender) =>
  kind === 'published' ? 'published' : 'workflows'

function sizesOf({ settings, log }: Lab): number[] {
  const asked = SIZES.filter((size) => size < settings.keys)
  return [...asked, settings.keys].filter((size) => {
    const hasRoom = fits(size)
    if (!hasRoom) log(`reads: ${size} keys do not fit in memory, left out`)
    return hasRoom
  })
}

async function fill(
  { raw, target }: Lab,
  size: number,
  withPublished: boolean
): Promise<Record<string, string>> {
  const runs = Math.max(PAGE, Math.floor(size / KEYS_PER_RUN))
  const ids = await addRuns('ioredis', target, 'workflows', runs)
  const ours = await addRunWithSteps('ioredis', target, 'workflows', STEPS)
  let published = ''
  if (withPublished) {
    await addRuns('published', target, 'published', runs)
    published = await addRunWithSteps('published', target, 'published', STEPS)
  }
  const made = Number(await raw.command('DBSIZE'))
  await addOtherKeys(raw, made, size)
  return { ours, published, ids: ids.slice(-PAGE).join() }
}

async function openReads(
  { contender, facts }: Bench,
  target: Target
): Promise<{ reads: Reads; close(): Promise<void> }> {
  const keyPrefix = prefixOf(contender)
  if (contender.kind === 'floor') return openFloor(contender, facts, target)
  const store = await openStore(contender, target, keyPrefix)
  const runs = await openRuns(contender, target, keyPrefix)
  const id = facts[contender.kind]!
  const expectLength = async (list: Promise<unknown[]>, length: number) => {
    const found = (await list).length
    if (found !== length) throw new Error(`${found} found, not ${length}`)
  }
  return {
    reads: {
      history: () => expectLength(store.service.getRunHistory(id), STEPS),
      instances: () => expectLength(store.service.getStepInstances(id), STEPS),
      graph: () => store.service.getCompletedGraphState(id),
      page: () => expectLength(runs.service.listRuns({ limit: PAGE }), PAGE),
    },
    close: async () => {
      await runs.close()
      await store.close()
    },
  }
}

async function openFloor(
  { client }: Contender,
  facts: Record<string, string>,
  target: Target
) {
  const raw = await openRawClient(client!, target.urls[0]!)
  const key = `workflows:history:${facts['ours']}`
  const history = () => raw.send('LRANGE', key, '0', '-1')
  const ids = facts['ids']!.split(',')
  const page = () =>
    Promise.all(ids.map((id) => raw.send('HGETALL', `workflows:run:${id}`)))
  const reads = { history, instances: history, graph: history, page }
  return { reads, close: () => raw.close() }
}

async function repeat(read: Read, ms: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + ms
  while (performance.now() < end || times.length < LEAST_READS) {
    const began = performance.now()
    await read()
    times.push(performance.now() - began)
  }
  return times
}
