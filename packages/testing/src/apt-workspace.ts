import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { reasonOf } from './reason-of.js'

const run = promisify(execFile)

// The dynamic linker of the system works only with the C library of the system.
const NEVER_UNPACKED = /^(libc6|libc-bin|libc-l10n)$/

/**
 * apt with folders of its own: it reads which sources and packages the system has, writes nothing outside, and
 * works without root and where the package lists of the system were deleted.
 */
export class AptWorkspace {
  #folder: string
  #signal: AbortSignal | undefined
  #updateProblem: string | undefined
  #installed = '/var/lib/dpkg/status'

  constructor(folder: string, signal?: AbortSignal) {
    this.#folder = folder
    this.#signal = signal
  }

  async update(): Promise<void> {
    await mkdir(this.#path('lists/partial'), { recursive: true })
    await mkdir(this.#path('cache/archives/partial'), { recursive: true })
    try {
      await this.#apt('update')
    } catch (error) {
      // One source of many may be out of order. Whether that matters shows when a package is asked for.
      this.#updateProblem = reasonOf(error)
    }
  }

  /** Downloads the packages and the libraries that they need and the system lacks; returns the archives. */
  async download(...packages: string[]): Promise<string[]> {
    try {
      const wanted = await this.#plan(packages)
      const folder = this.#path('archives')
      await mkdir(folder, { recursive: true })
      await this.#apt('download', ...wanted.map(({ exact }) => exact))
      return wanted.map(({ file }) => join(folder, file))
    } catch (error) {
      const reasons = [reasonOf(error), this.#updateProblem].filter(Boolean)
      throw new Error(reasons.join('; before that: '), { cause: error })
    }
  }

  async #plan(packages: string[]): Promise<AptPackage[]> {
    try {
      return await this.#missing(packages)
    } catch (error) {
      // apt plans nothing on a system with one broken dependency, however unrelated. As if nothing were
      // installed it does, and the copy brings a few libraries that the system has.
      const installed = this.#installed
      this.#installed = this.#path('nothing-installed')
      await writeFile(this.#installed, '')
      return await this.#missing(packages)
        .catch(() => {
          throw error
        })
        .finally(() => {
          this.#installed = installed
        })
    }
  }

  async #missing(packages: string[]): Promise<AptPackage[]> {
    const plan = await this.#apt(
      'install',
      '--print-uris',
      '--yes',
      '--no-install-recommends',
      // They may be installed already, and out of reach of this process.
      '--reinstall',
      ...packages
    )
    const planned = [...plan.matchAll(/^'[^']+' (\S+\.deb) \d+/gm)].map(
      ([, file]) => aptPackage(file!)
    )
    const absent = packages.filter(
      (name) => !planned.some((found) => found.name === name)
    )
    if (absent.length) throw new Error(`apt offers no ${absent.join(', ')}`)
    // What else a system wide installation asks for (init scripts, adduser) is of no use to a copy.
    return planned.filter(
      ({ name }) =>
        packages.includes(name) ||
        (name.startsWith('lib') && !NEVER_UNPACKED.test(name))
    )
  }

  async #apt(command: string, ...args: string[]): Promise<string> {
    const settings = {
      'Dir::State': this.#path('.'),
      'Dir::State::Lists': this.#path('lists'),
      'Dir::State::status': this.#installed,
      'Dir::Cache': this.#path('cache'),
      'Debug::NoLocking': '1',
      'Acquire::Retries': '2',
      // The user that apt would change to cannot write here.
      'APT::Sandbox::User': 'root',
    }
    const options = Object.entries(settings).flatMap(([name, value]) => [
      '-o',
      `${name}=${value}`,
    ])
    const { stdout } = await run(
      'apt-get',
      ['-q', ...options, command, ...args],
      {
        cwd: command === 'download' ? this.#path('archives') : this.#path('.'),
        env: { ...process.env, LC_ALL: 'C' },
        maxBuffer: 16 * 1024 * 1024,
        signal: this.#signal,
      }
    ).catch((error: unknown) => {
      throw new Error(`apt-get ${command}: ${aptReason(error)}`, {
        cause: error,
      })
    })
    return stdout
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }
}

/** The lines that apt itself marks as errors, without the long command line. */
function aptReason(error: unknown): string {
  const { stderr = '' } = error as { stderr?: string }
  return stderr.match(/^E: .*$/gm)?.join('; ') ?? reasonOf(error)
}

interface AptPackage {
  readonly name: string
  /** `name:architecture=version`, for `apt-get download`. */
  readonly exact: string
  /** The file name that apt gives to the archive. */
  readonly file: string
}

function aptPackage(file: string): AptPackage {
  const [name = '', version = '', architecture = ''] = file
    .replace(/\.deb$/, '')
    .split('_')
  const suffix = architecture === 'all' ? '' : `:${architecture}`
  return {
    name,
    file,
    exact: `${name}${suffix}=${decodeURIComponent(version)}`,
  }
}
