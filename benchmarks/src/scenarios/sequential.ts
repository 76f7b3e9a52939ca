import { contenderOf, contenders, floorOf } from '../contenders.ts'
import { openDriver, STEPS } from '../driver.ts'
import { runFor } from '../load.ts'
import type { Row, Scenario, Values } from '../scenario.ts'
import { WireMeter } from '../wire-meter.ts'

const CASE = `${STEPS} steps`

export const sequential: Scenario = {
  name: 'sequential',
  title: 'One run at a time',
  about: `Inline runs of ${STEPS} steps through the real engine, one after the
other. Round trips, commands and bytes are counted between client and server in
runs of their own; what a script does inside counts nothing. "Of what is
possible" is the time of one raw EVALSHA plus the engine's own time for a step,
divided by the time that a step took.`,
  metrics: {
    stepsPerSecond: { label: 'steps/s', unit: '/s', better: 'higher' },
    ofPossible: { label: 'of what is possible', unit: '', better: 'higher' },
    roundTrips: { label: 'round trips a run', unit: '', better: 'lower' },
    commands: { label: 'commands a run', unit: '', better: 'lower' },
    bytesSent: { label: 'bytes sent a run', unit: 'B', better: 'lower' },
    bytesReceived: {
      label: 'bytes received a run',
      unit: 'B',
      better: 'lower',
    },
  },
  headline: 'stepsPerSecond',

  collect: (lab) =>
    lab.inTurns({
      scenario: 'sequential',
      cases: [CASE],
      contenders: () => contenders(),
    }),

  async measure(bench) {
    const { warmupMs, measureMs } = bench.settings
    const driver = await openDriver(bench)
    await runFor(driver, 1, warmupMs)
    await bench.begin()
    const { steps, seconds } = await runFor(driver, 1, measureMs)
    await driver.close()
    const counts = bench.contender.kind === 'memory' ? {} : await count(bench)
    return { stepsPerSecond: steps / seconds, ...counts }
  },

  derive(rows) {
    const secondsPerStep = (contender: string | undefined) => {
      const isIt = (row: Row) =>
        row.contender === contender && row.metric === 'stepsPerSecond'
      const row = rows.find(isIt)
      return row ? 1 / row.median : undefined
    }
    const engine = secondsPerStep('memory')
    return rows.flatMap((row): Row[] => {
      const contender = contenderOf(row.contender)
      const floor = secondsPerStep(floorOf(contender)?.id)
      const isStore =
        contender.kind === 'ours' || contender.kind === 'published'
      if (!isStore || row.metric !== 'stepsPerSecond') return []
      if (!engine || !floor) return []
      const share = (rate: number) => (engine + floor) * rate
      const { median, min, max } = row
      return [
        {
          case: row.case,
          contender: row.contender,
          metric: 'ofPossible',
          median: share(median),
          min: share(min),
          max: share(max),
          samples: row.samples,
        },
      ]
    })
  },
}

/** A second connection, through the meter; its first run loads the scripts. */
async function count(
  bench: Parameters<NonNullable<Scenario['measure']>>[0]
): Promise<Values> {
  const meter = await WireMeter.open(bench.target.urls[0]!)
  const target = { urls: [meter.url], cluster: false }
  const driver = await openDriver({ ...bench, target })
  await driver.run()
  const { roundTrips, commands, bytesSent, bytesReceived } = await meter.count(
    () => driver.run()
  )
  await driver.close()
  await meter.close()
  return { roundTrips, commands, bytesSent, bytesReceived }
}
