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
  /** By version; one that is not there is not remembered. */
  readonly #salts = new Map<number, Promise<string | undefined>>()
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
    const version = this.keyVersion
    const keep = () => this.#remember(version, this.#keepSalt())
    const salt = await (this.#salts.get(version) ?? keep())
    // A read that was on its way has found none.
    return this.#derived(version, salt ?? (await keep()))
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
    const salt = await (this.#salts.get(version) ??
      this.#remember(version, this.#readSalt(version)))
    if (salt === undefined) {
      throw new RedisCorruptDataError(
        this.#saltsKey,
        String(version),
        'the salt is missing, so nothing under this version can be decrypted'
      )
    }
    return this.#derived(version, salt)
  }

  /** Asks for the salt anew before something is encrypted again. */
  refresh(version: number): void {
    this.#salts.delete(version)
  }

  /**
   * Whether another process made another salt than the one that is known. One
   * that is known stays if there is none any more: a write puts it back.
   */
  async hasChanged({ version, salt }: VersionKey): Promise<boolean> {
    const stored = await this.#readSalt(version)
    if (stored === undefined || stored === salt) return false
    this.#salts.set(version, Promise.resolve(stored))
    return true
  }

  #remember<T extends string | undefined>(
    version: number,
    asked: Promise<T>
  ): Promise<T> {
    this.#salts.set(version, asked)
    void this.#forgetIfNone(version, asked)
    return asked
  }

  async #forgetIfNone(
    version: number,
    asked: Promise<string | undefined>
  ): Promise<void> {
    const salt = await asked.catch(() => undefined)
    if (salt !== undefined || this.#salts.get(version) !== asked) return
    this.#salts.delete(version)
  }

  async #keepSalt(): Promise<string> {
    const { detail } = await this.#runner.run(secretScripts.keepSalt, {
      keys: { salts: this.#saltsKey },
      args: { version: this.keyVersion, salt: generateKEKSalt() },
    })
    return detail[0] ?? ''
  }

  async #readSalt(version: number): Promise<string | undefined> {
    const field = String(version)
    const salt = await this.#runner.send('HGET', this.#saltsKey, field)
    return typeof salt === 'string' ? salt : undefined
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
