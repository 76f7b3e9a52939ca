import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { contenders } from '../contenders.ts'
import { install, packOurs, sizeOf } from '../install.ts'
import type { Sample, Scenario } from '../scenario.ts'
import { rotated } from '../statistics.ts'

const execute = promisify(execFile)
const IMPORTS_PER_ROUND = 3
const CASE = 'installed by npm'
const QUICK_CASE = 'in the workspace'

interface Participant {
  readonly id: string
  /** What npm installs, beside the engine. */
  packages(ours: readonly string[]): string[]
  /** What an application imports. */
  readonly imports: readonly string[]
  /** The same in this workspace, where the published package has an alias. */
  readonly workspaceImports: readonly string[]
}

export const startup: Scenario = {
  name: 'startup',
  title: 'Import time and size',
  about: `A fresh process imports the package, as npm installs it in an empty
folder; the size is that of node_modules, with @pikku/core in it. The floor is the
client and @pikku/core/workflow without any store.`,
  metrics: {
    importMs: { label: 'import', unit: 'ms', better: 'lower' },
    sizeKiB: { label: 'size of node_modules', unit: 'KiB', better: 'lower' },
    packages: { label: 'packages installed', unit: '', better: 'lower' },
  },
  headline: 'importMs',

  async collect({ settings, log }) {
    if (settings.quick) {
      const homes = PARTICIPANTS.map(({ id, workspaceImports }) => ({
        id,
        folder: import.meta.dirname,
        imports: workspaceImports,
      }))
      return importAll(homes, QUICK_CASE, 1)
    }
    const folder = await mkdtemp(join(tmpdir(), 'pikku-bench-install-'))
    try {
      const ours = await packOurs(join(folder, 'packed'))
      const homes = []
      const sizes: Sample[] = []
      for (const { id, packages, imports } of PARTICIPANTS) {
        const home = join(folder, id)
        await install(home, packages(ours))
        const values = await sizeOf(join(home, 'node_modules'))
        sizes.push({ case: CASE, contender: id, values })
        homes.push({ id, folder: home, imports })
        log(`startup: ${id} is installed`)
      }
      const times = settings.rounds * IMPORTS_PER_ROUND
      return [...sizes, ...(await importAll(homes, CASE, times))]
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

const ENGINE = '@pikku/core/workflow'
const versioned = (client: string) => `${client}@^6.0.0`

const PARTICIPANTS: readonly Participant[] = contenders(
  'ours',
  'published',
  'floor'
)
  .filter(({ pipelining }) => pipelining === undefined)
  .map(({ id, kind, client }) => {
    const own = client === 'ioredis' ? 'ioredis' : 'redis'
    const entry =
      client === 'ioredis' ? '@pikku/redis' : '@pikku/redis/node-redis'
    if (kind === 'ours') {
      return {
        id,
        packages: (ours) => [...ours, versioned(own)],
        imports: [entry],
        workspaceImports: [entry],
      }
    }
    if (kind === 'published') {
      return {
        id,
        packages: () => ['@pikku/redis@0.12.18'],
        imports: ['@pikku/redis'],
        workspaceImports: ['@pikku/redis-published'],
      }
    }
    return {
      id,
      packages: () => [versioned(own)],
      imports: [own, ENGINE],
      workspaceImports: [own, ENGINE],
    }
  })

interface Home {
  readonly id: string
  readonly folder: string
  readonly imports: readonly string[]
}

async function importAll(
  homes: readonly Home[],
  name: string,
  times: number
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < times; round++) {
    for (const { id, folder, imports } of rotated(homes, round)) {
      const importMs = await timeImport(folder, imports)
      samples.push({ case: name, contender: id, values: { importMs } })
    }
  }
  return samples
}

async function timeImport(cwd: string, imports: readonly string[]) {
  const lines = imports.map((specifier) => `await import('${specifier}')`)
  const script = `const began = performance.now()
${lines.join('\n')}
console.log(performance.now() - began)
process.exit()`
  const args = ['--input-type=module', '--eval', script]
  const { stdout } = await execute(process.execPath, args, { cwd })
  return Number(stdout)
}
