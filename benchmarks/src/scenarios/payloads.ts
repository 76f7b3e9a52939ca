import { contenders } from '../contenders.ts'
import { type DriverOptions, openDriver } from '../driver.ts'
import { runFor } from '../load.ts'
import type { Scenario } from '../scenario.ts'
import { WireMeter } from '../wire-meter.ts'

const CASES: Record<string, Required<DriverOptions>> = {
  '1 KB': { resultBytes: 1_024, steps: 20 },
  '64 KB': { resultBytes: 64 * 1_024, steps: 20 },
  '1 MB': { resultBytes: 1_024 * 1_024, steps: 5 },
}

export const payloads: Scenario = {
  name: 'payloads',
  title: 'Results of 1 KB, 64 KB and 1 MB',
  about: `Inline runs, one at a time, whose steps return one value of that size
each (20 steps; 5 of 1 MB). The floor is an EVALSHA that carries the value once.
Bytes are those of a step, counted between client and server.`,
  metrics: {
    usPerStep: { label: 'time a step', unit: 'µs', better: 'lower' },
    bytesSent: { label: 'bytes sent a step', unit: 'B', better: 'lower' },
    bytesReceived: {
      label: 'bytes received a step',
      unit: 'B',
      better: 'lower',
    },
  },
  headline: 'usPerStep',

  collect: (lab) =>
    lab.inTurns({
      scenario: 'payloads',
      cases: Object.keys(CASES),
      contenders: () => contenders('ours', 'published', 'floor'),
    }),

  async measure(bench) {
    const { warmupMs, measureMs } = bench.settings
    const options = CASES[bench.case]!
    const driver = await openDriver(bench, options)
    await runFor(driver, 1, warmupMs)
    await bench.begin()
    const { steps, seconds } = await runFor(driver, 1, measureMs)
    await driver.close()

    const meter = await WireMeter.open(bench.target.urls[0]!)
    const target = { urls: [meter.url], cluster: false }
    const counted = await openDriver({ ...bench, target }, options)
    await counted.run()
    const { bytesSent, bytesReceived } = await meter.count(() => counted.run())
    await counted.close()
    await meter.close()
    return {
      usPerStep: (seconds * 1e6) / steps,
      bytesSent: bytesSent / options.steps,
      bytesReceived: bytesReceived / options.steps,
    }
  },
}
