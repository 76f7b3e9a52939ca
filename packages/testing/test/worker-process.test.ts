import { describe, expect, onTestFinished, test } from 'vitest'
import {
  WorkerProcess,
  type WorkerProcessOptions,
} from '../src/worker-process.js'
import { isAlive } from './support.js'

async function startWorker(options?: WorkerProcessOptions) {
  const worker = await WorkerProcess.start(
    new URL('./fixtures/print-lines.mjs', import.meta.url),
    options
  )
  onTestFinished(() => worker.kill())
  return worker
}

describe('a worker process', () => {
  test('gets its arguments and environment', async () => {
    const worker = await startWorker({
      args: ['one', 'two  words', '$HOME'],
      env: { WORKER_TEST: 'given' },
    })
    await worker.waitForLine('ready')
    expect(worker.lines).toEqual([
      'args: one two  words $HOME',
      'env: given',
      'ready',
    ])
  })

  test('waits for lines that were printed already and for later ones', async () => {
    const worker = await startWorker()
    await worker.waitForLine('ready')
    expect(await worker.waitForLine(/^env/)).toBe('env: unset')
    const later = worker.waitForLine((line) => line.endsWith('me'))
    worker.writeLine('me')
    expect(await later).toBe('heard me')
  })

  test('says what was printed when a line does not come in time', async () => {
    const worker = await startWorker()
    await worker.waitForLine('ready')
    await expect(worker.waitForLine('never', 50)).rejects.toThrow(
      /printed no such line within 50 ms.*ready/s
    )
  })

  test('says how it ended when a line can no longer come', async () => {
    const worker = await startWorker()
    await worker.waitForLine('ready')
    const never = worker.waitForLine('never')
    worker.writeLine('leave')
    await expect(never).rejects.toThrow(/ended with 7.*a word on stderr/s)
    expect(await worker.exited).toEqual({ code: 7, signal: null })
    expect(await worker.waitForLine('no line end')).toBe('no line end')
    expect(worker.stderr).toBe('a word on stderr\n')
  })

  test('is gone after a kill', async () => {
    const worker = await startWorker()
    expect(await isAlive(worker.pid)).toBe(true)
    await worker.kill('SIGKILL')
    await worker.kill('SIGKILL')
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' })
    expect(await isAlive(worker.pid)).toBe(false)
  })
})
