import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { findOnPath } from '../src/find-on-path.js'
import { WorkerProcess } from '../src/worker-process.js'
import type { WorkerProcessOptions } from '../src/worker-process.js'

/** A folder that is removed when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pikku-testing-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A PATH on which only the named programs are. */
export async function pathWithOnly(...programs: string[]): Promise<string> {
  const folder = await temporaryFolder()
  for (const program of programs) {
    const path = await findOnPath(program)
    if (path) await symlink(path, join(folder, program))
  }
  return folder
}

/** The PATH of this machine without its Redis and Valkey: what a machine that has neither looks like. */
export async function pathWithoutRedis(): Promise<string> {
  const programs = new Map<string, string>()
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (/^(redis|valkey)-/.test(name) || programs.has(name)) continue
      programs.set(name, join(folder, name))
    }
  }
  const links = await temporaryFolder()
  await Promise.all(
    [...programs].map(([name, path]) => symlink(path, join(links, name)))
  )
  return links
}

/** Sets environment variables for one test. */
export function setEnv(env: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  onTestFinished(() => {
    vi.unstubAllEnvs()
  })
}

/** A node process that runs a TypeScript file of `test/fixtures` against the sources. */
export async function startFixture(
  name: string,
  options: WorkerProcessOptions = {}
): Promise<WorkerProcess> {
  const worker = await WorkerProcess.start(
    new URL(`./fixtures/${name}`, import.meta.url),
    options
  )
  onTestFinished(() => worker.kill('SIGKILL'))
  return worker
}

/** False for a process that is gone, and for one that only waits for its parent to notice. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return !/\) [ZX] /.test(status)
}
