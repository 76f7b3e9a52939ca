import {
  envelopeDecrypt,
  envelopeEncrypt,
  envelopeRewrap,
} from '@pikku/core/crypto-utils'
import {
  RedisCorruptDataError,
  type EncryptedEntry,
  RedisDecryptionError,
  type RedisCommand,
  type RedisReply,
  type ScriptRunner,
} from '@pikku/redis-core'
import type { EncryptionOptions } from './encryption-options.js'
import { KeyRing, type VersionKey } from './key-ring.js'

/** Where an envelope is, and whose it is: three fields of a hash. */
export interface Place {
  readonly key: string
  readonly ciphertext: string
  readonly wrappedDek: string
  readonly keyVersion: string
  /** For errors: `secret "x"`. */
  readonly what: string
  readonly name: string
  readonly userId?: string
}

/** What a script stores, and the salt that has to be the version's own. */
export type Sealed = {
  ciphertext: string
  wrappedDek: string
  keyVersion: number
  salt: string
}

/** What protects an envelope, as it was read. */
export interface Wrapping {
  readonly wrappedDek: string
  readonly keyVersion: string
  readonly version: number
}

/**
 * Envelope encryption as in 0.12: a value is encrypted under a data key of its
 * own, and that under the key-encryption key (KEK) of a version. Keys and
 * values stay in private fields and out of every error.
 */
export class Vault {
  readonly keys: KeyRing
  readonly runner: ScriptRunner
  readonly saltsKey: string

  constructor(
    runner: ScriptRunner,
    saltsKey: string,
    options: EncryptionOptions
  ) {
    this.runner = runner
    this.saltsKey = saltsKey
    this.keys = new KeyRing(runner, saltsKey, options)
  }

  /**
   * Encrypts a value for a script that stores it. Where the script says that
   * the salt is another one by now, with a key of that salt.
   */
  async store(
    value: unknown,
    write: (sealed: Sealed) => Promise<{ code: 'ok' | 'salt' }>
  ): Promise<void> {
    for (;;) {
      const { kek, salt, version } = await this.keys.current()
      const { ciphertext, wrappedDEK } = await envelopeEncrypt(kek, value)
      const sealed = {
        ciphertext,
        wrappedDek: wrappedDEK,
        keyVersion: version,
        salt,
      }
      if ((await write(sealed)).code === 'ok') return
      this.keys.refresh(version)
    }
  }

  /**
   * The value of an envelope; `undefined` if there is none.
   *
   * @param read The reply to {@link readCommand}.
   * @throws RedisKeyMissingError
   * @throws RedisDecryptionError
   * @throws RedisCorruptDataError for a field that is missing or wrong.
   */
  async open<T>(
    place: Place,
    read: RedisReply | undefined
  ): Promise<T | undefined> {
    const [ciphertext, ...wrapping] = texts(read)
    if (!ciphertext) return undefined
    const { wrappedDek, keyVersion, version } = wrappingOf(place, wrapping)
    return this.#withKey(place, keyVersion, version, ({ kek }) =>
      envelopeDecrypt<T>(kek, ciphertext, wrappedDek)
    )
  }

  /** The data key of an envelope under the current KEK. */
  async rewrap(
    place: Place,
    read: Wrapping
  ): Promise<Omit<Sealed, 'ciphertext'>> {
    const { kek, salt, version } = await this.keys.current()
    const { wrappedDek, keyVersion } = read
    const rewrapped = await this.#withKey(
      place,
      keyVersion,
      read.version,
      (old) => envelopeRewrap(old.kek, kek, wrappedDek)
    )
    return { wrappedDek: rewrapped, keyVersion: version, salt }
  }

  /** Tries again with the stored salt, if it is another than the known one. */
  async #withKey<T>(
    place: Place,
    keyVersion: string,
    version: number,
    decrypt: (key: VersionKey) => Promise<T>
  ): Promise<T> {
    let key: VersionKey
    let problem: unknown
    do {
      key = await this.keys.of(version)
      try {
        return await decrypt(key)
      } catch (error) {
        problem = error
      }
    } while (await this.keys.hasChanged(key))
    throw new RedisDecryptionError(
      `Failed to decrypt ${place.what} (key_version ${version}): the key is not the ` +
        'one that it was encrypted under, or what is stored was changed',
      entryOf(place, keyVersion),
      // An error of JSON.parse quotes what it parsed. Web Crypto's say nothing.
      problem instanceof DOMException ? { cause: problem } : undefined
    )
  }
}

export function readCommand(place: Place): RedisCommand['args'] {
  const { key, ciphertext, wrappedDek, keyVersion } = place
  return ['HMGET', key, ciphertext, wrappedDek, keyVersion]
}

/** @throws RedisCorruptDataError for a field that is missing or wrong. */
export function wrappingOf(
  place: Place,
  [wrappedDek, keyVersion]: ReadonlyArray<string | undefined>
): Wrapping {
  if (!wrappedDek) {
    throw new RedisCorruptDataError(
      place.key,
      place.wrappedDek,
      'it is missing'
    )
  }
  if (keyVersion === undefined || !/^\d{1,10}$/.test(keyVersion)) {
    throw new RedisCorruptDataError(
      place.key,
      place.keyVersion,
      'it is not a key version'
    )
  }
  return { wrappedDek, keyVersion, version: Number(keyVersion) }
}

/** For an error. */
export function entryOf(
  { name, userId }: Place,
  keyVersion: string
): EncryptedEntry {
  return userId === undefined
    ? { name, keyVersion }
    : { name, userId, keyVersion }
}

/** A reply of `HMGET`. */
export function texts(read: RedisReply | undefined): Array<string | undefined> {
  if (!Array.isArray(read)) return []
  return read.map((text) => (text === null ? undefined : String(text)))
}
