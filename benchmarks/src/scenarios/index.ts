import type { Scenario } from '../scenario.ts'
import { claims } from './claims.ts'
import { concurrent } from './concurrent.ts'
import { growth } from './growth.ts'
import { memory } from './memory.ts'
import { payloads } from './payloads.ts'
import { reads } from './reads.ts'
import { replay } from './replay.ts'
import { sequential } from './sequential.ts'
import { startup } from './startup.ts'

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  sequential,
  concurrent,
  replay,
  reads,
  claims,
  memory,
  growth,
  payloads,
  startup,
]

export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found) return found
  const names = SCENARIOS.map((scenario) => scenario.name).join(', ')
  throw new Error(`No scenario '${name}': there are ${names}`)
}
