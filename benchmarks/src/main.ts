import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { toMarkdown } from './markdown.ts'
import { runScenarios } from './run.ts'
import { SCENARIOS } from './scenarios/index.ts'
import { settingsOf } from './settings.ts'

const HELP = `pnpm bench [scenario ...] [options]

Scenarios (all of them if none is named):
${SCENARIOS.map(({ name, title }) => `  ${name.padEnd(12)} ${title}`).join('\n')}

Options:
  --quick          a smoke run: it shows that everything works, nothing else
  --rounds <n>     how often everybody takes a turn
  --unpinned       leaves it to the kernel who runs on which core
  --keys <n>       how many other keys 'reads' goes up to (1000000)
  --out <folder>   where the results go (benchmarks/results; a smoke run's go
                   to a temporary folder)
  --help           this`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    unpinned: { type: 'boolean', default: false },
    keys: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log(HELP)
} else {
  const names =
    positionals.length > 0 ? positionals : SCENARIOS.map(({ name }) => name)
  const folder =
    values.out ??
    (values.quick
      ? join(tmpdir(), 'pikku-redis-benchmarks')
      : join(import.meta.dirname, '../results'))
  const settings = settingsOf(values)
  const results = await runScenarios(names, settings, folder, console.log)
  console.log(`\n${toMarkdown(results)}\nWritten to ${folder}`)
}
