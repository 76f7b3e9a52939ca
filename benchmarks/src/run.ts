import { hasPipelining } from './contenders.ts'
import { readEnvironment } from './environment.ts'
import { Lab } from './lab.ts'
import { type Result, writeResult } from './report.ts'
import type { Settings } from './scenario.ts'
import { scenarioOf } from './scenarios/index.ts'
import { summarise } from './summary.ts'

/** Runs scenarios one after the other on one server, and writes what they say. */
export async function runScenarios(
  names: readonly string[],
  settings: Settings,
  folder: string,
  log: (line: string) => void
): Promise<Result[]> {
  const scenarios = names.map(scenarioOf)
  if (!hasPipelining) {
    log("This build has no option 'pipelining': it is measured as it is.")
  }
  const lab = await Lab.open(settings, log)
  try {
    const environment = readEnvironment(lab.serverVersion, lab.cores)
    const results: Result[] = []
    for (const scenario of scenarios) {
      const samples = await scenario.collect(lab)
      const rows = summarise(scenario, samples)
      const result = {
        scenario: scenario.name,
        environment,
        settings,
        rows,
        samples,
      }
      await writeResult(folder, scenario, result)
      results.push(result)
      // A smoke run is in a hurry.
      if (!settings.quick) await lab.stopProcesses()
    }
    return results
  } finally {
    await lab.close()
  }
}
