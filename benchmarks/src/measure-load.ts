import { cpus } from 'node:os'
import type { Driver } from './driver.ts'
import { type Load, runFor } from './load.ts'
import type { Bench } from './scenario.ts'
import { ServerMeter } from './server-meter.ts'

export interface MeasuredLoad extends Load {
  /** CPU time of this process, in seconds. */
  readonly clientCpu: number
  /** CPU time of all servers, in seconds. */
  readonly serverCpu: number
  /** CPU time that was not idle, whoever had it, in seconds. */
  readonly machineCpu: number
}

export async function measureLoad(
  bench: Bench,
  driver: Driver,
  lanes: number
): Promise<MeasuredLoad> {
  const { warmupMs, measureMs } = bench.settings
  const server = await ServerMeter.open(bench.target.urls)
  await runFor(driver, lanes, warmupMs)
  await bench.begin()
  const serverBefore = await server.cpuSeconds()
  const idleBefore = idleSeconds()
  const clientBefore = process.cpuUsage()
  const load = await runFor(driver, lanes, measureMs)
  const client = process.cpuUsage(clientBefore)
  const idle = idleSeconds() - idleBefore
  const serverCpu = (await server.cpuSeconds()) - serverBefore
  await server.close()
  const clientCpu = (client.user + client.system) / 1e6
  const machineCpu = Math.max(0, load.seconds * cpus().length - idle)
  return { ...load, clientCpu, serverCpu, machineCpu }
}

function idleSeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0) / 1_000
}
