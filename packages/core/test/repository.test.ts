import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  deploymentScripts,
  channelScripts,
  agentScripts,
  credentialScripts,
  layoutScripts,
  lockScripts,
  runScripts,
  type Script,
  secretScripts,
  sessionScripts,
  sweepScripts,
  migrationScripts,
  type Transition,
  transitions,
  versionScripts,
} from '../src/index.js'

const ROOT = join(import.meta.dirname, '../../..')

/** Files that git knows or would add: what a checkout has. */
const FILES = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard'],
  { cwd: ROOT, encoding: 'utf8' }
)
  .split('\n')
  .filter((file) => /\.(ts|mjs|js|lua)$/.test(file))

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

function importsOf(file: string): string[] {
  if (file.endsWith('.lua')) return []
  const statement =
    /^(?:(?:import|export|\})[^'\n]*from|import) '([^']+)'|import\('([^']+)'\)/gm
  return [...read(file).matchAll(statement)].map(
    ([, from, dynamic]) => from ?? dynamic ?? ''
  )
}

const CORE = /^(node:|\.)/
const RULES: Array<[folder: string, allowed: RegExp]> = [
  ['packages/core/src/testing/', /^(node:|\.|vitest$)/],
  ['packages/core/src/', CORE],
  ['packages/ioredis/src/', /^(node:|\.|ioredis$|@pikku\/redis-core$)/],
  ['packages/node-redis/src/', /^(node:|\.|redis$|@pikku\/redis-core$)/],
  [
    'packages/redis/src/',
    /^(node:|\.|@pikku\/core\/(workflow|services|channel|queue|errors|agent|crypto-utils|remote|function)$|@pikku\/redis-(core|ioredis|node-redis)$)/,
  ],
]

describe('the repository', () => {
  test('dependencies point one way', () => {
    const wrong: string[] = []
    let seen = 0
    for (const file of FILES) {
      const rule = RULES.find(([folder]) => file.startsWith(folder))
      if (!rule) continue
      for (const specifier of importsOf(file)) {
        seen++
        if (!rule[1].test(specifier)) wrong.push(`${file}: ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
    expect(seen).toBeGreaterThan(50)
  })

  test('only the entry of a client composes its adapter', () => {
    const composing = FILES.filter((file) =>
      file.startsWith('packages/redis/src/')
    ).flatMap((file) =>
      importsOf(file)
        .filter((specifier) => /redis-(ioredis|node-redis)$/.test(specifier))
        .map((specifier) => `${file} ${specifier}`)
    )
    expect([...new Set(composing)]).toEqual([
      'packages/redis/src/index.ts @pikku/redis-ioredis',
      'packages/redis/src/node-redis.ts @pikku/redis-node-redis',
    ])
  })

  test('examples use public entry points only', () => {
    const wrong = FILES.filter((file) => file.startsWith('examples/')).flatMap(
      (file) =>
        importsOf(file)
          // Its own source, one folder up, is an example's to import.
          .filter((specifier) => !/^\.\.\/src\/[^/]+$/.test(specifier))
          .filter((specifier) =>
            /\/(src|dist)\/|\.\.\/\.\.\/\.\./.test(specifier)
          )
          .map((specifier) => `${file}: ${specifier}`)
    )
    expect(wrong).toEqual([])
  })

  test('benchmarks use public entry points only', () => {
    const wrong = FILES.filter((file) =>
      file.startsWith('benchmarks/')
    ).flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !specifier.startsWith('.'))
        .filter((specifier) => /\/(src|dist)(\/|$)/.test(specifier))
        .map((specifier) => `${file}: ${specifier}`)
    )
    const outside = FILES.filter((file) =>
      file.startsWith('benchmarks/')
    ).filter((file) => /from '(\.\.\/)+packages/.test(read(file)))
    expect([...wrong, ...outside]).toEqual([])
  })

  test('no source file passes 400 lines', () => {
    const long = FILES.map((file) => ({
      file,
      lines: read(file).split('\n').length - 1,
    })).filter(({ lines }) => lines > 400)
    expect(long).toEqual([])
  })

  test('only core/src/keys builds keys', () => {
    const builders = FILES.filter((file) =>
      /^packages\/[^/]+\/src\//.test(file)
    )
      .filter((file) => !/^packages\/(testing|core\/src\/testing)\//.test(file))
      .filter((file) =>
        // `${prefix}:kind:${name}`, the kinds in words and hyphens.
        /\$\{[^}]+\}:[a-z]+(-[a-z]+)*(:\$\{|`)/.test(read(file))
      )
    const keys = 'packages/core/src/keys/'
    expect(builders).toContain(`${keys}key-schema.ts`)
    expect(builders.filter((file) => !file.startsWith(keys))).toEqual([])
  })
})

const SCRIPTS: Script[] = [
  lockScripts,
  layoutScripts,
  runScripts,
  sweepScripts,
  migrationScripts,
  versionScripts,
  sessionScripts,
  deploymentScripts,
  channelScripts,
  agentScripts,
  secretScripts,
  credentialScripts,
].flatMap((group) => Object.values(group) as Script[])

const TRANSITIONS = Object.values<Transition>(transitions)

const kebab = (name: string) =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Lua files by their names, without what is shared or a transition. */
const SCRIPT_FILES = new Map(
  FILES.filter((file) =>
    /^packages\/core\/src\/scripts\/[^/]+\/[^/]+\.lua$/.test(file)
  )
    .filter((file) => !file.includes('/lib/'))
    .map((file) => [basename(file, '.lua'), file] as const)
)
const TRANSITIONS_FOLDER = 'packages/core/src/scripts/workflow/transitions'

/** What a file's header says: its own name, and numbered names by kind. */
function headerOf(file: string) {
  const text = read(file)
  const header = text.slice(0, text.search(/\n[^-]/))
  const listed = (kind: string) => [
    ...header.matchAll(new RegExp(`^-- ${kind}\\[(\\d+)\\] (\\w+)`, 'gm')),
  ]
  return {
    header,
    names: (kind: string) => listed(kind).map(([, , name]) => name),
    positions: (kind: string) => listed(kind).map(([, n]) => Number(n)),
  }
}

function expectHeader(
  file: string,
  name: string,
  lists: Record<string, readonly string[]>,
  restOf: string,
  variadic: boolean
): void {
  const { header, names, positions } = headerOf(file)
  expect(header).toMatch(new RegExp(`^-- ${kebab(name)}: .+`))
  for (const [kind, expected] of Object.entries(lists)) {
    expect(names(kind)).toEqual(expected)
    expect(positions(kind)).toEqual(expected.map((_, i) => i + 1))
  }
  expect(new RegExp(`^-- ${restOf} {4}rest `, 'm').test(header)).toBe(variadic)
  expect(header).toMatch(/^-- Returns /m)
  expect(header).toMatch(/^-- Idempotent: /m)
}

describe('every Lua file', () => {
  test('has one descriptor, and every descriptor has one file', () => {
    const scripts = SCRIPTS.map(({ name }) => kebab(name))
    expect([...SCRIPT_FILES.keys()].toSorted()).toEqual(scripts.toSorted())
    const names = TRANSITIONS.map(({ name }) => kebab(name))
    const files = FILES.filter(
      (file) =>
        file.startsWith(`${TRANSITIONS_FOLDER}/`) && file.endsWith('.lua')
    ).map((file) => basename(file, '.lua'))
    expect(files.toSorted()).toEqual(names.toSorted())
  })

  test.each(SCRIPTS.map((script) => [script.name, script] as const))(
    '%s: the header says what the descriptor says',
    (name, { keys, args, variadic }) => {
      const file = SCRIPT_FILES.get(kebab(name))!
      expectHeader(file, name, { KEYS: keys, ARGV: args }, 'ARGV', variadic)
    }
  )

  test.each(TRANSITIONS.map((each) => [each.name, each] as const))(
    '%s: the header says what the descriptor says',
    (name, { args, variadic }) => {
      const file = `${TRANSITIONS_FOLDER}/${kebab(name)}.lua`
      expectHeader(file, name, { ARGS: args }, 'ARGS', variadic)
      expect(read(file)).toContain(`\ntransitions['${kebab(name)}'] = function`)
    }
  )

  test('keeps user JSON away from cjson', () => {
    for (const file of FILES.filter((name) => name.endsWith('.lua'))) {
      expect(read(file)).not.toMatch(/cjson\.decode/)
    }
  })
})
