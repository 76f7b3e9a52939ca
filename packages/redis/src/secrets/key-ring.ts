import { deriveKEK, generateKEKSalt } from '@pikku/core/crypto-utils'
import {
  RedisCorruptDataError,
  RedisKeyMissingError,
  type ScriptRunner,
  secretScripts,
} from '@pikku/redis-core'
import type { EncryptionOptions } from './encryption-options.js'

type Kek = Awaited<ReturnType<typeof deriveKEK>>

/** The key-encryption key of a version, and what it was derived with. */
export interface VersionKey {
  readonly version: number
  readonly salt: string
  readonly kek: Kek
}

/**
 * The keys of a service by version. To derive one is slow on purpose, so each
 * is derived once, however many ask for it at once.
 *
 * Concurrency: of processes that are the first with a version, the salt of one
 * wins. Crash: a salt that nobody used yet is used by the next.
 */
export class KeyRing {
  readonly keyVersion: number
  readonly #runner: ScriptRunner
  readonly #saltsKey: string
  readonly #key: string
  readonly #previousKey: string | undefined
  /** The salt of the own version, made if there was none. */
  #ownSalt: Promise<string> | undefined
  readonly #salts = new Map<number, Promise<string>>()
  readonly #keks = new Map<string, Promise<Kek>>()

  constructor(
    runner: ScriptRunner,
    saltsKey: string,
    { key, keyVersion, previousKey }: EncryptionOptions
  ) {
    this.#runner = runner
    this.#saltsKey = saltsKey
    this.#key = key
    this.keyVersion = keyVersion ?? 1
    this.#previousKey = previousKey || undefined
  }

  get hasPrevious(): boolean {
    return this.#previousKey !== undefined
  }

  /** The key to encrypt with. Makes the version's salt, if there is none. */
  async current(): Promise<VersionKey> {
    this.#ownSalt ??= this.#keepSalt()
    return this.#derived(this.keyVersion, await this.#ownSalt)
  }

  /**
   * The key to decrypt what is stored under a version. Every version but the
   * own one is tried with the previous key: a wrong key cannot decrypt.
   *
   * @throws RedisKeyMissingError if there is no previous key.
   * @throws RedisCorruptDataError if the version's salt is gone.
   */
  async of(version: number): Promise<VersionKey> {
    if (version !== this.keyVersion && !this.hasPrevious) {
      throw new RedisKeyMissingError(
        `No KEK available for key_version ${version}: the service has ` +
          `version ${this.keyVersion}, and no previousKey`,
        version
      )
    }
    let salt = this.#salts.get(version)
    if (salt === undefined) {
      salt = this.#readSalt(version)
      this.#salts.set(version, salt)
    }
    return this.#derived(version, await salt)
  }

  /** Forgets a version's salt: another process may have made another one. */
  refresh(version: number): void {
    this.#salts.delete(version)
    if (version === this.keyVersion) this.#ownSalt = undefined
  }

  async #keepSalt(): Promise<string> {
    const version = this.keyVersion
    try {
      const { detail } = await this.#runner.run(secretScripts.keepSalt, {
        keys: { salts: this.#saltsKey },
        args: { version, salt: generateKEKSalt() },
      })
      return detail[0] ?? ''
    } catch (error) {
      this.refresh(version)
      throw error
    }
  }

  async #readSalt(version: number): Promise<string> {
    const field = String(version)
    try {
      const salt = await this.#runner.send('HGET', this.#saltsKey, field)
      if (typeof salt === 'string') return salt
    } catch (error) {
      this.refresh(version)
      throw error
    }
    this.refresh(version)
    throw new RedisCorruptDataError(
      this.#saltsKey,
      field,
      'the salt is missing, so nothing under this version can be decrypted'
    )
  }

  async #derived(version: number, salt: string): Promise<VersionKey> {
    const id = `${version} ${salt}`
    let kek = this.#keks.get(id)
    if (kek === undefined) {
      const key = version === this.keyVersion ? this.#key : this.#previousKey
      kek = deriveKEK(key ?? '', salt)
      this.#keks.set(id, kek)
    }
    return { version, salt, kek: await kek }
  }
}
