import type { Scenario } from '../scenario.ts'
import { concurrent } from './concurrent.ts'
import { sequential } from './sequential.ts'

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [sequential, concurrent]

export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found) return found
  const names = SCENARIOS.map((scenario) => scenario.name).join(', ')
  throw new Error(`No scenario '${name}': there are ${names}`)
}
