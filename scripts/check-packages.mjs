// Checks every published package as npm would get it: publint for the manifest
// and its files, attw for what TypeScript finds. Needs `pnpm build` first.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { publishedPackages } from './published-packages.mjs'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'pikku-redis-packages-'))
let failed = false

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
  })
  const output = error ? String(error) : `${stdout}${stderr}`
  return { ok: status === 0, output }
}

try {
  for (const { name, path } of publishedPackages(root)) {
    const folder = mkdtempSync(join(scratch, 'pack-'))
    const packed = run('pnpm', ['pack', '--pack-destination', folder], path)
    const tarball = readdirSync(folder)[0] ?? ''
    const file = join(folder, tarball)
    const checks = packed.ok
      ? [
          ['publint', run('publint', ['run', file, '--strict'], path)],
          ['attw', run('attw', [file, '--profile', 'esm-only'], path)],
        ]
      : [['pnpm pack', packed]]
    const wrong = checks.filter(([, { ok }]) => !ok)
    failed ||= wrong.length > 0
    const verdict = wrong.length
      ? `failed: ${wrong.map(([tool]) => tool).join(', ')}`
      : `ok (${checks.map(([tool]) => tool).join(', ')})`
    console.log(`${name}: ${verdict}`)
    for (const [, { output }] of wrong) console.log(output)
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
