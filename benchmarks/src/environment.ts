import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'

/** Where, when and with what it was measured. */
export interface Environment {
  readonly date: string
  readonly commit: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** Of the last minute, when the run began: what else the machine did. */
  readonly loadAverage: number
  /** Who runs on which cores. */
  readonly pinning: string
  readonly system: string
  readonly node: string
  readonly server: string
  /** Versions of packages by name. */
  readonly packages: Record<string, string>
}

export function readEnvironment(server: string, pinning: string): Environment {
  const published = manifestOf('@pikku/redis-published')
  const { node } = process.versions
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadAverage: Math.round(loadavg()[0]! * 100) / 100,
    pinning,
    system: `${platform()} ${release()}`,
    node,
    server,
    packages: {
      '@pikku/core': manifestOf('@pikku/core').version,
      ioredis: manifestOf('ioredis').version,
      redis: manifestOf('redis').version,
      '@pikku/redis published': published.version,
      'its ioredis': manifestOf('ioredis', published.file).version,
    },
  }
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    }).trim()
  try {
    const changed = git('status', '--porcelain', '--', '..') !== ''
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? ' and changes' : ''}`
  } catch {
    return 'unknown'
  }
}

/** Packages do not export their manifest, so it is looked for above the entry. */
function manifestOf(
  name: string,
  from = import.meta.filename
): { version: string; file: string } {
  const entry = createRequire(from).resolve(name)
  let folder = dirname(entry)
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (!existsSync(file)) continue
    const { version } = JSON.parse(readFileSync(file, 'utf8'))
    if (version) return { version, file }
  }
  return { version: 'unknown', file: entry }
}
