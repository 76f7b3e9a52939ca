import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

/*
 * A child must not outlive the process that started it, and `process.on('exit')` does not run after SIGKILL.
 * So a small subshell waits on a pipe that only the parent holds open: end of file without a word means that
 * the parent is gone. The subshell exists before the child does (no moment without a guard), and `exec` keeps
 * the process id, so the pid that node knows is the child's own. It ignores the signals that a terminal sends
 * to the whole group, because redis-server ignores SIGHUP and would stay behind.
 */
const GUARD_SCRIPT = `
folder=$1
shift
(
  trap '' HUP INT TERM
  read -r _ <&3 || {
    kill -KILL $$
    [ -z "$folder" ] || rm -rf -- "$folder"
  }
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
`

export interface GuardedProcessOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Removed if this process ends before the child does. */
  readonly folder?: string
}

export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface GuardedProcess {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Settled when the process is gone and everything that it printed was read. Never rejects. */
  readonly exited: Promise<ProcessExit>
  hasExited(): boolean
  kill(signal: NodeJS.Signals): void
}

const running = new Map<ChildProcess, string | undefined>()

/** Starts a process that is killed when this one ends, whichever way this one ends. */
export async function startGuardedProcess(
  command: string,
  args: readonly string[],
  { env, cwd, folder }: GuardedProcessOptions = {}
): Promise<GuardedProcess> {
  const options: SpawnOptions = {
    env: env ?? process.env,
    cwd,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  }
  const child = spawn(
    '/bin/sh',
    ['-c', GUARD_SCRIPT, 'guard', folder ?? '', command, ...args],
    options
  )
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  const [stdin, stdout, stderr, lifeline] = child.stdio as unknown as [
    Writable,
    Readable,
    Readable,
    Writable,
  ]
  // Writing to a process that is gone is not news: `exited` tells it.
  stdin.on('error', () => {})
  lifeline.on('error', () => {})

  remember(child, folder)
  child.once('exit', () => {
    forget(child)
    // A word before the end of file: the guard leaves without killing a pid that may be someone else's by now.
    lifeline.end('done\n')
  })

  const hasExited = () => child.exitCode !== null || child.signalCode !== null
  return {
    pid: child.pid!,
    stdin,
    stdout,
    stderr,
    exited,
    hasExited,
    kill(signal) {
      if (!hasExited()) child.kill(signal)
    },
  }
}

// One listener for all children, there only while there are children.
function remember(child: ChildProcess, folder: string | undefined): void {
  if (running.size === 0) process.on('exit', killAll)
  running.set(child, folder)
}

function forget(child: ChildProcess): void {
  running.delete(child)
  if (running.size === 0) process.off('exit', killAll)
}

function killAll(): void {
  for (const [child, folder] of running) {
    child.kill('SIGKILL')
    if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
