import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A redis-server or valkey-server that can be started on this machine. */
export interface RedisBinary {
  readonly path: string
  /** What has to be in the environment for the program to find its libraries. */
  readonly env: Readonly<Record<string, string>>
  /** Such as `7.0.15`. */
  readonly version: string
  /** `Redis` or `Valkey`. */
  readonly name: string
  readonly kind: 'path' | 'private-copy'
  /** redis-cli or valkey-cli, where there is one. */
  readonly cliPath?: string
}

/** Asks the program for its version, which also proves that it runs here. */
export async function inspectRedisBinary(
  binary: Omit<RedisBinary, 'name' | 'version'>
): Promise<RedisBinary> {
  const { stdout } = await run(binary.path, ['--version'], {
    env: { ...process.env, ...binary.env },
  })
  const [, name, version] = stdout.match(/^(\w+) server v=(\S+)/) ?? []
  if (!name || !version) {
    throw new Error(
      `${binary.path} --version answers ${JSON.stringify(stdout.trim())}`
    )
  }
  return { ...binary, name, version }
}
