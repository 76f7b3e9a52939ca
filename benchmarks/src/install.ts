import { execFile } from 'node:child_process'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Values } from './scenario.ts'

const execute = promisify(execFile)
/** A registry that does not answer is no reason to wait for ever. */
const TIMEOUT_MS = 120_000
const PACKAGES = join(import.meta.dirname, '../../packages')
const PUBLISHED = ['core', 'ioredis', 'node-redis', 'redis']
const ENGINE = '@pikku/core@0.12.84'

/** @returns The tarballs of this repository's packages, as npm would get them. */
export async function packOurs(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  for (const name of PUBLISHED) {
    await pnpm(['pack', '--pack-destination', folder], join(PACKAGES, name))
  }
  return (await readdir(folder)).map((file) => join(folder, file))
}

/** Installs packages and the engine in a folder that has nothing else. */
export async function install(
  folder: string,
  packages: readonly string[]
): Promise<void> {
  await mkdir(folder, { recursive: true })
  const manifest = JSON.stringify({ private: true, type: 'module' })
  await writeFile(join(folder, 'package.json'), manifest)
  const args = ['install', '--no-audit', '--no-fund', ...packages, ENGINE]
  await execute('npm', args, { cwd: folder, timeout: TIMEOUT_MS })
}

/** The bytes of all files below a node_modules, and how many packages it has. */
export async function sizeOf(nodeModules: string): Promise<Values> {
  const files = await readdir(nodeModules, {
    recursive: true,
    withFileTypes: true,
  })
  let bytes = 0
  let packages = 0
  for (const file of files) {
    if (!file.isFile()) continue
    bytes += (await stat(join(file.parentPath, file.name))).size
    if (isManifest(join(file.parentPath, file.name))) packages++
  }
  return { sizeKiB: bytes / 1_024, packages }
}

/** A package's own, and none of those that some packages have inside. */
function isManifest(path: string): boolean {
  return /node_modules\/(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path)
}

/** The pnpm that runs this, or the one that the repository asks for. */
async function pnpm(args: readonly string[], cwd: string): Promise<void> {
  const own = process.env['npm_execpath']
  const [command, before] = own?.includes('pnpm')
    ? [process.execPath, [own]]
    : ['npx', ['--yes', 'pnpm@10']]
  await execute(command, [...before, ...args], { cwd, timeout: TIMEOUT_MS })
}
