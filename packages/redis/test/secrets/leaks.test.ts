import { inspect } from 'node:util'
import { deriveKEK, envelopeEncrypt, wrapDEK } from '@pikku/core/crypto-utils'
import type { RawRedis } from '@pikku/redis-testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENTS, openRaw, testPrefix } from '../clients.js'
import { type Encrypting, KINDS } from './encrypting.js'
import { BEFORE, DURING, NEW, OLD, OTHER } from './keys.js'

const PLAIN = 'the-plain-text-of-a-secret'
/** As JSON.parse quotes it: the start of the text. */
const QUOTED = 'the-plain'
const HIDDEN = [PLAIN, QUOTED, OLD, NEW, OTHER]

const CASES = CLIENTS.flatMap((client) =>
  KINDS.map((kind) => ({ ...kind, client, over: client.client }))
)

/** An error with all that a logger may show of it. */
function shown(error: unknown): string {
  const parts: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    parts.push(at.message, at.stack ?? '', JSON.stringify(at))
  }
  parts.push(inspect(error, { depth: null, showHidden: true }))
  return parts.join('\n')
}

function expectNothingShown(text: string): void {
  for (const hidden of HIDDEN) expect(text).not.toContain(hidden)
}

describe.each(CASES)('$kind over $over show nothing', (kind) => {
  const { client } = kind
  const keyPrefix = testPrefix()
  let raw: RawRedis
  let service: Encrypting
  let both: Encrypting

  beforeAll(async () => {
    raw = await openRaw()
    service = kind.open(client, keyPrefix, BEFORE)
    both = kind.open(client, keyPrefix, DURING)
    await service.write(0, PLAIN)
    await both.write(1, PLAIN)
    await both.read(0)
  })
  afterAll(async () => {
    await service.close()
    await both.close()
    await raw.close()
  })

  const failure = async (call: () => Promise<unknown>): Promise<unknown> => {
    try {
      await call()
    } catch (error) {
      return error
    }
    throw new Error('It did not fail')
  }

  test('in the service object', () => {
    for (const each of [service, both]) {
      for (const options of [
        { depth: null, showHidden: true },
        { depth: null, showHidden: true, getters: true },
      ]) {
        expectNothingShown(inspect(each.service, options))
      }
    }
  })

  test('in an error of a wrong key', async () => {
    const wrong = kind.open(client, keyPrefix, { key: OTHER })
    expectNothingShown(shown(await failure(() => wrong.read(0))))
    const wrongPrevious = { ...DURING, previousKey: OTHER }
    const rotating = kind.open(client, keyPrefix, wrongPrevious)
    expectNothingShown(shown(await failure(() => rotating.rotateKEK())))
    await wrong.close()
    await rotating.close()
  })

  test('in an error of a value that cannot be stored', async () => {
    const cycle: Record<string, unknown> = { [PLAIN]: {} }
    cycle[PLAIN] = { [PLAIN]: cycle }
    const throwing = {
      toJSON: () => {
        throw new Error(PLAIN)
      },
    }
    for (const value of [cycle, throwing, { [PLAIN]: 1n }]) {
      const error = await failure(() => service.write(5, value))
      expect(error).toMatchObject({ code: 'REDIS_SERIALIZATION' })
      expectNothingShown(shown(error))
    }
  })

  test('in an error of a value that is too large', async () => {
    const options = { ...BEFORE, maxValueBytes: 1_024 }
    const small = kind.open(client, keyPrefix, options)
    const value = PLAIN.repeat(100)
    expectNothingShown(shown(await failure(() => small.write(5, value))))
    await small.close()
  })

  test('in an error of a plain text that is no JSON', async () => {
    await service.write(6, 'x')
    const { key, ciphertext, wrappedDek } = kind.placeOf(keyPrefix, 6)
    const salts = kind.saltsKey(keyPrefix)
    const salt = String(await raw.command('HGET', salts, '1'))
    const kek = await deriveKEK(OLD, salt)
    const dek = Buffer.alloc(32, 7).toString('base64url')
    // The envelope of a text that is no JSON, by somebody who has the key.
    const iv = Buffer.alloc(12, 1)
    const bytes = await crypto.subtle.encrypt(
      { name: 'AES-GCM', iv },
      await crypto.subtle.importKey(
        'raw',
        Buffer.from(dek, 'base64url'),
        'AES-GCM',
        false,
        ['encrypt']
      ),
      Buffer.from(PLAIN)
    )
    const text = Buffer.concat([iv, Buffer.from(bytes)]).toString('base64url')
    await raw.command('HSET', key, ciphertext, text)
    await raw.command('HSET', key, wrappedDek, await wrapDEK(kek, dek))
    const error = await failure(() => service.read(6))
    expect(error).toMatchObject({ code: 'REDIS_DECRYPTION' })
    expectNothingShown(shown(error))
    // A wrapped key that is none, likewise.
    const bad = await envelopeEncrypt(kek, 'x')
    await raw.command('HSET', key, ciphertext, bad.ciphertext)
    await raw.command('HSET', key, wrappedDek, await wrapDEK(kek, PLAIN))
    expectNothingShown(shown(await failure(() => service.read(6))))
  })
})
