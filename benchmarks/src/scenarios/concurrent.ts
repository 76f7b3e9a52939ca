import { contenders } from '../contenders.ts'
import { openDriver, STEPS } from '../driver.ts'
import { measureLoad } from '../measure-load.ts'
import type { Scenario } from '../scenario.ts'

const LANES = 32

export const concurrent: Scenario = {
  name: 'concurrent',
  title: `${LANES} runs at once`,
  about: `${LANES} inline runs of ${STEPS} steps at once in one process and over
one connection. Client CPU is that of the measuring process (process.cpuUsage),
server CPU what INFO cpu says, user and system both.`,
  metrics: {
    stepsPerSecond: { label: 'steps/s', unit: '/s', better: 'higher' },
    clientCpuUs: { label: 'client CPU a step', unit: 'µs', better: 'lower' },
    serverCpuUs: { label: 'server CPU a step', unit: 'µs', better: 'lower' },
  },
  headline: 'stepsPerSecond',

  collect: (lab) =>
    lab.inTurns({
      scenario: 'concurrent',
      cases: [`${LANES} at once`],
      contenders: () => contenders(),
    }),

  async measure(bench) {
    const driver = await openDriver(bench)
    const load = await measureLoad(bench, driver, LANES)
    await driver.close()
    const { steps, seconds, clientCpu, serverCpu } = load
    return {
      stepsPerSecond: steps / seconds,
      clientCpuUs: (clientCpu * 1e6) / steps,
      ...(bench.contender.kind !== 'memory' && {
        serverCpuUs: (serverCpu * 1e6) / steps,
      }),
    }
  },
}
