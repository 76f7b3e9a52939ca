import type { Settings } from './scenario.ts'

/** A run that is meant, and one that only shows that everything works. */
const FULL = { rounds: 7, warmupMs: 1_000, measureMs: 2_000, keys: 1_000_000 }
const QUICK = { rounds: 1, warmupMs: 20, measureMs: 50, keys: 1_000 }

export function settingsOf({
  quick = false,
  unpinned = false,
  rounds,
  keys,
}: {
  quick?: boolean
  unpinned?: boolean
  rounds?: string | undefined
  keys?: string | undefined
}): Settings {
  const defaults = quick ? QUICK : FULL
  return {
    ...defaults,
    quick,
    pinned: !unpinned,
    ...(rounds !== undefined && { rounds: count('rounds', rounds) }),
    ...(keys !== undefined && { keys: count('keys', keys) }),
  }
}

function count(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name} is a whole number from 1 on, not '${text}'`)
}
