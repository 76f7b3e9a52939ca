import { RawConnection } from '@pikku/redis-testing'
import { contenders } from '../contenders.ts'
import { openDriver, STEPS } from '../driver.ts'
import type { Sample, Scenario, Values } from '../scenario.ts'
import { ServerMeter } from '../server-meter.ts'

const RUNS = 3_000
const QUICK_RUNS = 20
const RUNS_AT_ONCE = 32
const KEYS_AT_ONCE = 1_000
const ALL = 'all, by used_memory'
const SEPARATOR = ' | '

export const memory: Scenario = {
  name: 'memory',
  title: `Redis memory of a run of ${STEPS} steps`,
  about: `The difference that ${RUNS} completed runs of equal content make to
used_memory, on a server flushed before. Then where it goes: MEMORY USAGE of all
keys by their kind and encoding, and how many keys of them a run has. The two
differ by what the server needs for the table of all keys.`,
  metrics: {
    bytes: { label: 'bytes a run', unit: 'B', better: 'lower' },
    keys: { label: 'keys a run', unit: '', better: 'lower' },
  },
  headline: 'bytes',
  sharedScale: true,

  async collect(lab) {
    const samples = await lab.inTurns({
      scenario: 'memory',
      cases: [ALL],
      rounds: Math.min(lab.settings.rounds, 3),
      // Both clients write the same.
      contenders: () =>
        contenders('ours', 'published').filter(
          ({ client }) => client === 'ioredis'
        ),
    })
    return samples.flatMap(byKind)
  },

  async measure(bench) {
    const runs = bench.settings.quick ? QUICK_RUNS : RUNS
    const url = bench.target.urls[0]!
    const server = await ServerMeter.open([url])
    const raw = await RawConnection.open(url)
    const driver = await openDriver(bench)
    // Buffers and scripts are no run's.
    await driver.run()
    await raw.command('FLUSHALL', 'SYNC')
    await driver.run()
    const before = await server.usedMemory()
    const keysBefore = Number(await raw.command('DBSIZE'))
    let started = 0
    const lane = async () => {
      while (started++ < runs) await driver.run()
    }
    await Promise.all(Array.from({ length: RUNS_AT_ONCE }, lane))
    const bytes = ((await server.usedMemory()) - before) / runs
    const keys = (Number(await raw.command('DBSIZE')) - keysBefore) / runs
    const kinds = await readKinds(raw, runs + 1)
    await driver.close()
    await server.close()
    await raw.close()
    return {
      [`bytes${SEPARATOR}${ALL}`]: bytes,
      [`keys${SEPARATOR}${ALL}`]: keys,
      ...kinds,
    }
  },
}

/** A measurement says something about many cases: one sample becomes many. */
function byKind({ contender, values }: Sample): Sample[] {
  const cases = Map.groupBy(
    Object.entries(values),
    ([name]) => name.split(SEPARATOR)[1]!
  )
  return [...cases].map(([name, entries]) => ({
    case: name,
    contender,
    values: Object.fromEntries(
      entries.map(([key, value]) => [key.split(SEPARATOR)[0]!, value])
    ),
  }))
}

async function readKinds(raw: RawConnection, runs: number): Promise<Values> {
  const sums = new Map<string, { bytes: number; keys: number }>()
  let cursor = '0'
  do {
    const count = String(KEYS_AT_ONCE)
    const reply = await raw.command('SCAN', cursor, 'COUNT', count)
    const [next, keys] = reply as [string, string[]]
    cursor = next
    const found = await Promise.all(
      keys.map(async (key) => {
        const [encoding, bytes] = await Promise.all([
          raw.command('OBJECT', 'ENCODING', key),
          raw.command('MEMORY', 'USAGE', key, 'SAMPLES', '0'),
        ])
        return { kind: `${kindOf(key)}, ${encoding}`, bytes: Number(bytes) }
      })
    )
    for (const { kind, bytes } of found) {
      const sum = sums.get(kind) ?? { bytes: 0, keys: 0 }
      sums.set(kind, { bytes: sum.bytes + bytes, keys: sum.keys + 1 })
    }
  } while (cursor !== '0')
  const sorted = [...sums].toSorted(([, a], [, b]) => b.bytes - a.bytes)
  return Object.fromEntries(
    sorted.flatMap(([kind, { bytes, keys }]) => [
      [`bytes${SEPARATOR}${kind}`, bytes / runs],
      [`keys${SEPARATOR}${kind}`, keys / runs],
    ])
  )
}

/** The part after the prefix; an index has a name of its own. */
function kindOf(key: string): string {
  const [, kind = '', name = ''] = key.split(':')
  return kind === 'index' ? `index ${name}` : kind
}
