import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const execute = promisify(execFile)
/** A registry that does not answer fails the test before it times out. */
const run = (file: string, args: string[], options: { cwd: string }) =>
  execute(file, args, { ...options, timeout: 90_000 })
const PACKAGES = join(import.meta.dirname, '../../..')

/** What a user writes, for the client that they have. */
const main = (client: 'ioredis' | 'redis') => `
${
  client === 'ioredis'
    ? `import { Redis } from 'ioredis'
import { RedisWorkflowService } from '@pikku/redis'
const client = new Redis(process.argv[2]!)`
    : `import { createClient } from 'redis'
import { RedisWorkflowService } from '@pikku/redis/node-redis'
const client = createClient({ url: process.argv[2]! })
await client.connect()`
}
const service = new RedisWorkflowService(client, { keyPrefix: process.argv[3]! })
await service.init()
const id = await service.createRun('orders', { order: 7 }, true, 'h', { type: 'internal' })
const step: { stepId: string } = await service.insertStepState(id, 'charge', null, {})
await service.withRunLock(id, async () => {
  await service.setStepResult(step.stepId, { paid: true })
  await service.updateRunStatus(id, 'completed', { paid: true })
})
const found = await service.getRun(id)
console.log(JSON.stringify({ status: found?.status, output: found?.output }))
await service.close()
${client === 'ioredis' ? 'client.disconnect()' : 'client.destroy()'}
`

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2024',
    module: 'NodeNext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  },
  files: ['main.ts'],
}

describe('the packed packages, installed by npm in an empty folder', () => {
  let folder: string
  let tarballs: string[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pikku-install-'))
    const packed = join(folder, 'packed')
    await mkdir(packed)
    for (const name of ['core', 'ioredis', 'node-redis', 'redis']) {
      await pnpm(['pack', '--pack-destination', packed], join(PACKAGES, name))
    }
    tarballs = (await readdir(packed)).map((file) => join(packed, file))
    expect(tarballs).toHaveLength(4)
  }, 120_000)

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  test.each([
    { client: 'ioredis', major: 6, other: 'redis' },
    { client: 'ioredis', major: 5, other: 'redis' },
    { client: 'redis', major: 6, other: 'ioredis' },
    { client: 'redis', major: 5, other: 'ioredis' },
  ] as const)(
    'with $client $major: type-checks, runs, and brings no $other',
    async ({ client, major, other }) => {
      const home = join(folder, `${client}-${major}`)
      await mkdir(home)
      const files = {
        'package.json': JSON.stringify({ private: true, type: 'module' }),
        'tsconfig.json': JSON.stringify(TSCONFIG),
        'main.ts': main(client),
      }
      for (const [name, text] of Object.entries(files)) {
        await writeFile(join(home, name), text)
      }
      await run(
        'npm',
        [
          'install',
          '--no-audit',
          '--no-fund',
          ...tarballs,
          `${client}@${major}`,
          '@pikku/core@0.12.84',
          'typescript@6',
          '@types/node@24',
        ],
        { cwd: home }
      )
      expect(existsSync(join(home, 'node_modules', client))).toBe(true)
      expect(existsSync(join(home, 'node_modules', other))).toBe(false)
      await run(process.execPath, ['node_modules/typescript/bin/tsc'], {
        cwd: home,
      })
      const { stdout } = await run(
        process.execPath,
        ['main.ts', inject('redisUrl'), `install-${crypto.randomUUID()}`],
        { cwd: home }
      )
      expect(JSON.parse(stdout)).toEqual({
        status: 'completed',
        output: { paid: true },
      })
    },
    180_000
  )
})

/** The pnpm that runs this test, or the one that the repository asks for. */
async function pnpm(args: string[], cwd: string): Promise<void> {
  const own = process.env['npm_execpath']
  await (own?.includes('pnpm')
    ? run(process.execPath, [own, ...args], { cwd })
    : run('npx', ['--yes', 'pnpm@10', ...args], { cwd }))
}
