// Does what a release does, in a temporary clone of HEAD, up to the upload:
// versions, build, pack, `pnpm publish --dry-run`, and a look into each tarball.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { publishedPackages } from './published-packages.mjs'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'pikku-redis-release-'))
const clone = join(scratch, 'clone')

function run(cwd, command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, CI: 'true' },
  })
  if (status === 0) return stdout
  throw new Error(
    `${command} ${args.join(' ')} failed:\n${error ?? `${stdout}${stderr}`}`
  )
}

/** Every file that the exports of a manifest name. */
function exportedFiles(value) {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(exportedFiles)
}

/** What is wrong with a package as it would be uploaded. */
function problemsOf(packed, files, before) {
  const { manifest } = packed
  const problems = []
  for (const file of exportedFiles(manifest.exports)) {
    if (!files.includes(file.replace('./', ''))) {
      problems.push(`exports ${file}, which is not in the tarball`)
    }
  }
  for (const wanted of ['LICENSE', 'README.md']) {
    if (!files.includes(wanted)) problems.push(`${wanted} is missing`)
  }
  for (const file of files) {
    if (/^(dist\/.+|package\.json|LICENSE|README\.md)$/.test(file)) continue
    problems.push(`${file} should not be in the tarball`)
  }
  const ranges = [
    'dependencies',
    'peerDependencies',
    'optionalDependencies',
    'devDependencies',
  ].flatMap((field) => Object.entries(manifest[field] ?? {}))
  for (const [name, range] of ranges) {
    if (/^(workspace|catalog|link|file):/.test(range)) {
      problems.push(`${name} is still '${range}'`)
    }
  }
  if (manifest.version === before) {
    problems.push(`its version is still ${before}: is there a changeset?`)
  }
  return problems
}

/** Packs, dry-runs the upload, and reads the tarball back. */
function pack({ path }) {
  const folder = mkdtempSync(join(scratch, 'pack-'))
  run(path, 'pnpm', 'pack', '--pack-destination', folder)
  run(path, 'pnpm', 'publish', '--dry-run', '--no-git-checks')
  const tarball = join(folder, readdirSync(folder)[0] ?? '')
  run(folder, 'tar', '-xzf', tarball)
  const files = run(folder, 'tar', '-tzf', tarball)
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('/'))
    .map((line) => line.replace('package/', ''))
  const manifest = JSON.parse(
    readFileSync(join(folder, 'package', 'package.json'), 'utf8')
  )
  return { manifest, files }
}

function rehearse() {
  run(root, 'git', 'clone', '--quiet', root, clone)
  run(clone, 'pnpm', 'install', '--frozen-lockfile', '--prefer-offline')
  const before = new Map(
    publishedPackages(clone).map(({ name, manifest }) => [
      name,
      manifest.version,
    ])
  )
  const pending = readdirSync(join(clone, '.changeset')).some(
    (file) => file.endsWith('.md') && file !== 'README.md'
  )
  if (pending) run(clone, 'pnpm', 'changeset', 'version')
  else console.log('no changeset: the versions stay as they are')
  const packages = publishedPackages(clone)
  run(clone, 'pnpm', 'build')

  let failed = false
  const versions = new Map()
  for (const item of packages) {
    const packed = pack(item)
    const problems = problemsOf(
      packed,
      packed.files,
      pending ? before.get(item.name) : undefined
    )
    if (pending && !existsSync(join(item.path, 'CHANGELOG.md'))) {
      problems.push('there is no CHANGELOG.md')
    }
    versions.set(item.name, packed.manifest.version)
    failed ||= problems.length > 0
    console.log(
      `${item.name}@${packed.manifest.version}: ` +
        (problems.length
          ? `wrong: ${problems.join('; ')}`
          : `ok, ${packed.files.length} files`)
    )
  }
  for (const group of fixedGroups()) {
    const found = new Set(group.map((name) => versions.get(name)))
    if (found.size === 1 && !found.has(undefined)) continue
    failed = true
    console.log(
      `wrong: the versions of ${group.join(', ')} differ: ` +
        [...found].map(String).join(', ')
    )
  }
  return failed
}

function fixedGroups() {
  const config = readFileSync(join(clone, '.changeset', 'config.json'), 'utf8')
  return JSON.parse(config).fixed
}

try {
  process.exitCode = rehearse() ? 1 : 0
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
