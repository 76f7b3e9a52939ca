import { setTimeout } from 'node:timers/promises'

/** Servers tell nobody when they agree with each other: all that is left is to ask. */
export async function until(
  holds: () => Promise<boolean>,
  failure = `not within the time: ${holds.toString()}`,
  deadlineMs = 30_000
): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(failure)
    await setTimeout(20)
  }
}
