import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

const PACKAGE = join(import.meta.dirname, '../..')
const ROOT = join(PACKAGE, '../..')
/** In the package, so that a snippet's imports resolve as a user's would. */
const FOLDER = join(PACKAGE, 'node_modules', '.snippets')
const READMES = [
  'README.md',
  'packages/redis/README.md',
  'packages/core/README.md',
  'packages/ioredis/README.md',
  'packages/node-redis/README.md',
]

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

describe('the READMEs', () => {
  afterAll(async () => {
    await rm(FOLDER, { recursive: true, force: true })
  })

  test('every snippet compiles against the built packages', async () => {
    await rm(FOLDER, { recursive: true, force: true })
    await mkdir(FOLDER, { recursive: true })
    const files: string[] = []
    for (const readme of READMES) {
      const text = await readFile(join(ROOT, readme), 'utf8')
      const snippets = [...text.matchAll(/^```ts\n(.*?)^```/gms)]
      for (const [i, [, code = '']] of snippets.entries()) {
        const file = `${readme.replaceAll(/[/.]/g, '_')}_${i + 1}.ts`
        await writeFile(join(FOLDER, file), `${code}\nexport {}\n`)
        files.push(file)
      }
    }
    expect(files.length).toBeGreaterThan(8)
    const tsconfig = { extends: '../../tsconfig.json', include: ['*.ts'] }
    await writeFile(join(FOLDER, 'tsconfig.json'), JSON.stringify(tsconfig))
    const compiled = await promisify(execFile)(process.execPath, [
      tsc,
      '-p',
      FOLDER,
    ]).catch(({ stdout }: { stdout: string }) => ({ stdout }))
    expect(compiled.stdout).toBe('')
  }, 120_000)

  test('the product page shows every example for both clients', async () => {
    const text = await readFile(join(PACKAGE, 'README.md'), 'utf8')
    const count = (specifier: string) =>
      text.split(`from '${specifier}'`).length
    expect(count('@pikku/redis')).toBe(count('@pikku/redis/node-redis'))
  })
})
