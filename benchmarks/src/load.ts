import type { Driver } from './driver.ts'

export interface Load {
  readonly steps: number
  readonly seconds: number
}

/** Runs one after the other in each lane until the time is over. */
export async function runFor(
  driver: Driver,
  lanes: number,
  ms: number
): Promise<Load> {
  const began = performance.now()
  const end = began + ms
  let runs = 0
  const lane = async () => {
    do {
      await driver.run()
      runs++
      // The engine in memory never leaves the microtasks: let timers live.
      if (runs % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    } while (performance.now() < end)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const seconds = (performance.now() - began) / 1_000
  return { steps: runs * driver.steps, seconds }
}
