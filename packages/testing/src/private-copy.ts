import { execFile } from 'node:child_process'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { AptWorkspace } from './apt-workspace.js'
import { findOnPath } from './find-on-path.js'
import { reasonOf } from './reason-of.js'
import { inspectRedisBinary, type RedisBinary } from './inspect-redis-binary.js'

const run = promisify(execFile)
const WORK_PREFIX = '.work-'
const ABANDONED_AFTER_MS = 60 * 60 * 1000

export interface PrivateCopyOptions {
  readonly log?: (line: string) => void
  readonly signal?: AbortSignal
}

/**
 * The distribution's own redis-server, unpacked into a cache folder: nothing is installed on the system, and no
 * rights are needed. `PIKKU_REDIS_CACHE` names another folder than `~/.cache/pikku-redis`.
 */
export async function findPrivateCopy({
  log = () => {},
  signal,
}: PrivateCopyOptions = {}): Promise<RedisBinary> {
  const cache = cacheFolder()
  const copy = join(cache, await systemName())
  const ready = await openCopy(copy).catch(() => undefined)
  if (ready) return ready

  for (const program of ['apt-get', 'dpkg-deb']) {
    if (!(await findOnPath(program))) {
      throw new Error(`${program} is not on the PATH`)
    }
  }
  await mkdir(cache, { recursive: true })
  await removeAbandonedWork(cache)
  // On the same file system as the copy, so that the finished folder can be renamed into its place.
  const work = await mkdtemp(join(cache, WORK_PREFIX))
  try {
    log(`unpacking the distribution's Redis into ${copy}`)
    const unpacked = join(work, 'root')
    await unpackRedis(new AptWorkspace(join(work, 'apt'), signal), unpacked)
    await openCopy(unpacked)
    return await moveIntoPlace(unpacked, copy)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function unpackRedis(apt: AptWorkspace, folder: string): Promise<void> {
  await apt.update()
  const archives = await apt
    .download('redis-server', 'redis-tools')
    .catch((redisError: unknown) =>
      // Distributions that dropped Redis have Valkey.
      apt.download('valkey-server', 'valkey-tools').catch(() => {
        throw redisError
      })
    )
  await mkdir(folder)
  for (const archive of archives) {
    await run('dpkg-deb', ['-x', archive, folder])
  }
}

async function moveIntoPlace(
  unpacked: string,
  copy: string
): Promise<RedisBinary> {
  for (let attempt = 1; ; attempt++) {
    try {
      await rename(unpacked, copy)
      return await openCopy(copy)
    } catch (error) {
      // Another process was faster (its copy is as good as ours), or what is there no longer runs: a library
      // that the system had when it was made is gone.
      const theirs = await openCopy(copy).catch(() => undefined)
      if (theirs) return theirs
      if (attempt === 3) throw error
      await rename(copy, join(dirname(unpacked), `broken-${attempt}`)).catch(
        () => {}
      )
    }
  }
}

/** Throws unless the copy in the folder runs on this machine. */
async function openCopy(folder: string): Promise<RedisBinary> {
  const programs = await readdir(join(folder, 'usr/bin'))
  const find = (...names: string[]) => {
    const name = names.find((candidate) => programs.includes(candidate))
    return name && join(folder, 'usr/bin', name)
  }
  const path = find('redis-server', 'valkey-server')
  if (!path) throw new Error(`the packages have no redis-server in ${folder}`)
  const libraries = await libraryFolders(folder)
  const inherited = process.env['LD_LIBRARY_PATH']
  const searched = inherited ? [...libraries, inherited] : libraries
  return inspectRedisBinary({
    path,
    env: searched.length ? { LD_LIBRARY_PATH: searched.join(':') } : {},
    kind: 'private-copy',
    cliPath: find('redis-cli', 'valkey-cli'),
  })
}

async function libraryFolders(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const parent of ['lib', 'usr/lib']) {
    const path = join(folder, parent)
    // Debian keeps libraries one level down, by architecture: `usr/lib/x86_64-linux-gnu`.
    const names = await readdir(path).catch(() => [])
    const byArchitecture = names.filter((name) => name.includes('-linux-'))
    if (names.length) found.push(path)
    found.push(...byArchitecture.map((name) => join(path, name)))
  }
  return found
}

function cacheFolder(): string {
  return (
    process.env['PIKKU_REDIS_CACHE'] ||
    join(
      process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
      'pikku-redis'
    )
  )
}

/** Such as `debian-12-x64`: a cache folder may be shared by machines that are not alike. */
async function systemName(): Promise<string> {
  let release: string
  try {
    release = await readFile('/etc/os-release', 'utf8')
  } catch (error) {
    throw new Error(`this system does not say what it is: ${reasonOf(error)}`, {
      cause: error,
    })
  }
  const field = (name: string) =>
    release.match(new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm'))?.[1]
  const version = field('VERSION_ID') ?? field('VERSION_CODENAME') ?? 'rolling'
  return `${field('ID') ?? 'linux'}-${version}-${process.arch}`
}

/** A process that was killed leaves its work behind. */
async function removeAbandonedWork(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(WORK_PREFIX)) continue
    const folder = join(cache, name)
    const made = await stat(folder).catch(() => undefined)
    if (made && Date.now() - made.mtimeMs > ABANDONED_AFTER_MS) {
      await rm(folder, { recursive: true, force: true })
    }
  }
}
