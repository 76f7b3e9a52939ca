import {
  RedisConnectionError,
  RedisDecryptionError,
  RedisKeyMissingError,
  RedisRotationError,
} from '@pikku/redis'
import type { RedisCommand, RedisReply } from '@pikku/redis-core'
import type { RawRedis } from '@pikku/redis-testing'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from 'vitest'
import { CLIENTS, openRaw, testPrefix } from '../clients.js'
import { CountedAdapter } from '../workflow/counted-adapter.js'
import { type Encrypting, KINDS } from './encrypting.js'
import { AFTER, BEFORE, DURING, NEW, OLD, OTHER } from './keys.js'

/** Lets somebody else come in between a read and the script after it. */
class MeddledAdapter extends CountedAdapter {
  /** Before the next script about this field is sent. */
  before: (() => Promise<void>) | undefined
  /** Whether the reply of the next script about this field is lost. */
  losesReply = false
  field = ''

  override async send(command: RedisCommand): Promise<RedisReply> {
    const { args } = command
    if (args[0] !== 'EVALSHA' || !args.includes(this.field)) {
      return super.send(command)
    }
    const { before } = this
    this.before = undefined
    await before?.()
    const reply = await super.send(command)
    if (!this.losesReply) return reply
    this.losesReply = false
    throw new RedisConnectionError('the reply was lost')
  }
}

const CASES = CLIENTS.flatMap((client) =>
  KINDS.map((kind) => ({ ...kind, client, over: client.client }))
)
const range = (count: number) => Array.from({ length: count }, (_, n) => n)

describe.each(CASES)('rotation of $kind over $over', (kind) => {
  const { client } = kind
  let raw: RawRedis
  let keyPrefix: string
  let old: Encrypting
  let both: Encrypting
  const opened: Encrypting[] = []

  const open = (options: object, connection?: unknown) => {
    const service = kind.open(client, keyPrefix, options, connection)
    opened.push(service)
    return service
  }
  /** A service with both keys, and somebody between it and Redis. */
  const openMeddled = (n: number) => {
    const { adapter } = open(DURING).service as { adapter: CountedAdapter }
    const meddled = new MeddledAdapter(adapter)
    meddled.field = kind.placeOf(keyPrefix, n).wrappedDek
    return { meddled, service: open(DURING, meddled) }
  }
  const versionOf = (n: number) => {
    const { key, keyVersion } = kind.placeOf(keyPrefix, n)
    return raw.command('HGET', key, keyVersion)
  }
  const fill = (count: number) =>
    Promise.all(range(count).map((n) => old.write(n, `value ${n}`)))

  beforeAll(async () => {
    raw = await openRaw()
  })
  beforeEach(() => {
    keyPrefix = testPrefix()
    old = open(BEFORE)
    both = open(DURING)
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close()
  })
  afterAll(() => raw.close())

  test('all are readable with the new key alone afterwards', async () => {
    await fill(450)
    await both.write(450, 'under the new key')
    expect(await both.rotateKEK()).toBe(450)
    const after = open(AFTER)
    for (const n of range(450)) expect(await after.read(n)).toBe(`value ${n}`)
    expect(await both.rotateKEK()).toBe(0)
  })

  test('two rotations at once share the work, and no more', async () => {
    await fill(300)
    const counts = await Promise.all([
      both.rotateKEK(),
      open(DURING).rotateKEK(),
      open(DURING).rotateKEK(),
    ])
    expect(counts.reduce((sum, count) => sum + count)).toBe(300)
    const after = open(AFTER)
    for (const n of range(300)) expect(await after.read(n)).toBe(`value ${n}`)
  })

  test('writers and readers beside it notice nothing', async () => {
    const COUNT = 120
    await fill(COUNT)
    const written = range(COUNT).map((n) => new Set([`value ${n}`]))
    const rotator = open(DURING)
    const over = new AbortController()
    const pick = () => Math.floor(Math.random() * COUNT)
    // Some still write under the old key: theirs are for the next rotation.
    const writer = async (service: Encrypting, who: number) => {
      for (let i = 0; !over.signal.aborted; i++) {
        const n = pick()
        const value = `value ${n} of ${who}, ${i}`
        written[n]!.add(value)
        await service.write(n, value)
      }
    }
    let reads = 0
    const reader = async () => {
      for (; !over.signal.aborted; reads++) {
        const n = pick()
        expect(written[n]).toContain(await both.read(n))
      }
    }
    const others = Promise.all([
      writer(both, 1),
      writer(both, 2),
      writer(old, 3),
      writer(old, 4),
      ...range(4).map(reader),
    ])
    for (let i = 0; i < 3; i++) await rotator.rotateKEK()
    over.abort()
    await others
    expect(reads).toBeGreaterThan(20)
    await rotator.rotateKEK()
    const after = open(AFTER)
    for (const n of range(COUNT)) {
      expect(written[n]).toContain(await after.read(n))
    }
  })

  test('what is replaced while it is wrapped anew is looked at again', async () => {
    await fill(1)
    const { meddled, service } = openMeddled(0)
    meddled.before = () => old.write(0, 'replaced')
    expect(await service.rotateKEK()).toBe(1)
    expect(await open(AFTER).read(0)).toBe('replaced')
  })

  test('what is replaced under the new key meanwhile is left alone', async () => {
    await fill(1)
    const { meddled, service } = openMeddled(0)
    meddled.before = () => both.write(0, 'replaced')
    expect(await service.rotateKEK()).toBe(0)
    expect(await open(AFTER).read(0)).toBe('replaced')
  })

  test('what is deleted meanwhile stays deleted', async () => {
    await fill(1)
    const { meddled, service } = openMeddled(0)
    meddled.before = () => both.remove(0)
    expect(await service.rotateKEK()).toBe(0)
    expect(await both.read(0)).toBeUndefined()
    const { key } = kind.placeOf(keyPrefix, 0)
    expect(await raw.command('EXISTS', key)).toBe(0)
  })

  test('one whose reply was lost is counted once', async () => {
    await fill(1)
    const { meddled, service } = openMeddled(0)
    meddled.losesReply = true
    expect(await service.rotateKEK()).toBe(1)
    expect(meddled.losesReply).toBe(false)
    expect(await open(AFTER).read(0)).toBe('value 0')
  })

  test('what cannot be unwrapped is named after all others are done', async () => {
    await fill(10)
    const stranger = open({ key: OTHER })
    await stranger.write(3, 'x')
    const { key, keyVersion } = kind.placeOf(keyPrefix, 7)
    await raw.command('HSET', key, keyVersion, 'seven')
    const error = await both.rotateKEK().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RedisRotationError)
    const { rotated, failed, message, cause } = error as RedisRotationError
    expect(rotated).toBe(8)
    expect(failed).toHaveLength(2)
    expect(failed).toContainEqual({ ...kind.entryOf(3), keyVersion: '1' })
    expect(failed).toContainEqual({ ...kind.entryOf(7), keyVersion: 'seven' })
    for (const n of [3, 7]) expect(message).toContain(kind.entryOf(n).name)
    expect(cause).toBeDefined()
    expect(await stranger.read(3)).toBe('x')
    await both.remove(3)
    await both.remove(7)
    expect(await both.rotateKEK()).toBe(0)
    for (const n of [0, 5, 9]) expect(await both.read(n)).toBe(`value ${n}`)
  })

  test('a wrong previous key changes nothing', async () => {
    await fill(30)
    const wrong = open({ ...DURING, previousKey: OTHER })
    const error = await wrong.rotateKEK().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RedisRotationError)
    expect(error).toMatchObject({ rotated: 0 })
    expect((error as RedisRotationError).failed).toHaveLength(30)
    expect((error as Error).message).toContain('10 more')
    expect((error as Error).cause).toBeInstanceOf(RedisDecryptionError)
    for (const n of range(30)) expect(await old.read(n)).toBe(`value ${n}`)
  })

  test('a version further back is rotated if the previous key is its own', async () => {
    await fill(2)
    const later = open({ key: NEW, keyVersion: 5, previousKey: OLD })
    expect(await later.rotateKEK()).toBe(2)
    expect(await later.read(1)).toBe('value 1')
    expect(await versionOf(1)).toBe('5')
  })

  test('what is under a newer version is left alone', async () => {
    const newer = open({ key: OTHER, keyVersion: 3, previousKey: NEW })
    await newer.write(0, 'newer')
    expect(await both.rotateKEK()).toBe(0)
    expect(await newer.read(0)).toBe('newer')
  })

  test('what an old process writes afterwards is for the next rotation', async () => {
    await fill(3)
    expect(await both.rotateKEK()).toBe(3)
    await old.write(1, 'late')
    await expect(open(AFTER).read(1)).rejects.toBeInstanceOf(
      RedisKeyMissingError
    )
    expect(await both.read(1)).toBe('late')
    expect(await both.rotateKEK()).toBe(1)
    expect(await open(AFTER).read(1)).toBe('late')
  })

  test('a process on the old key reads what is under the next, if it has it', async () => {
    await fill(1)
    await both.write(1, 'new')
    const first = open({ ...BEFORE, previousKey: NEW })
    expect(await first.read(1)).toBe('new')
    expect(await first.rotateKEK()).toBe(0)
    await first.write(1, 'back')
    expect(await old.read(1)).toBe('back')
  })

  test('a new key under the old version is an error, and nothing is lost', async () => {
    await fill(2)
    const forgotten = open({ key: NEW, previousKey: OLD })
    await forgotten.write(2, 'under the new key')
    const rotated = forgotten.rotateKEK()
    await expect(rotated).rejects.toBeInstanceOf(RedisRotationError)
    await expect(rotated).rejects.toMatchObject({
      rotated: 0,
      failed: range(2).map((n) => ({ ...kind.entryOf(n), keyVersion: '1' })),
    })
    expect(await old.read(0)).toBe('value 0')
  })

  test('without a previous key there is nothing to rotate from', async () => {
    for (const options of [AFTER, { ...AFTER, previousKey: '' }]) {
      const rotated = open(options).rotateKEK()
      await expect(rotated).rejects.toBeInstanceOf(RedisKeyMissingError)
      await expect(rotated).rejects.toThrow('No previousKey configured')
    }
  })
})
