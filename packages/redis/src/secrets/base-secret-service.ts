import type { SecretService, SecretValues } from '@pikku/core/services'
import {
  type RedisAdapter,
  RedisArgumentError,
  RedisOptionsError,
  RedisSecretNotFoundError,
  SecretKeys,
  secretScripts,
} from '@pikku/redis-core'
import { RedisService } from '../common/redis-service.js'
import {
  type EncryptionOptions,
  resolveEncryptionOptions,
} from './encryption-options.js'
import { namePages } from './name-pages.js'
import { plainValue } from './plain-value.js'
import { Rotation } from './rotation.js'
import {
  migrateSecrets,
  type SecretMigrationProgress,
} from './secret-migration.js'
import { type SecretValue, toSecretValue } from './secret-value.js'
import { type Place, readCommand, Vault } from './vault.js'

/** What a `RedisSecretService` takes. */
export interface RedisSecretServiceOptions extends EncryptionOptions {}

/**
 * Secrets, encrypted before they leave the process: `{prefix}:secret:{name}` is
 * a hash of the ciphertext, its wrapped data key and the version of the key
 * that wraps it, as in 0.12; the sorted set `{prefix}:secrets` is the index of
 * names, which 0.12 has not.
 *
 * Concurrency: the last of concurrent `setSecret` calls is the one that stays,
 * whole. A rotation and everything else go on beside each other: see
 * `rotateKEK`. A name is in the index exactly if this version wrote the secret,
 * or `migrate` found it.
 *
 * Crash: each call is one read or one script, so there is nothing in between;
 * `rotateKEK` and `migrate` are many, and go on when they are called again.
 *
 * No error, and nothing that shows this object, has a key or a value in it.
 */
export abstract class BaseRedisSecretService
  extends RedisService
  implements SecretService
{
  readonly #keys: SecretKeys
  readonly #vault: Vault

  protected constructor(
    adapter: RedisAdapter,
    given: RedisSecretServiceOptions
  ) {
    const options = resolveEncryptionOptions(given)
    super(adapter, options)
    const prefix = options.keyPrefix ?? 'pikku'
    this.#keys = new SecretKeys(prefix, adapter.topology)
    this.#vault = new Vault(this.runner, this.#keys.saltsKey(), options)
  }

  /**
   * @throws RedisSecretNotFoundError
   * @throws RedisKeyMissingError for a secret of another key version, without
   *   a `previousKey`.
   * @throws RedisDecryptionError for a wrong key, or tampered data.
   * @throws RedisCorruptDataError for a field that is missing or wrong.
   */
  async getSecret<T = string>(key: string): Promise<SecretValue<T>> {
    const place = this.#place(key)
    const read = await this.runner.send(...readCommand(place))
    const value = await this.#vault.open<T>(place, read)
    if (value === undefined) throw new RedisSecretNotFoundError(key)
    return toSecretValue(value)
  }

  /** `false` also for what can be no name. */
  async hasSecret(key: string): Promise<boolean> {
    let place: Place
    try {
      place = this.#place(key)
    } catch (error) {
      if (error instanceof RedisArgumentError) return false
      throw error
    }
    const { key: hash, ciphertext } = place
    return (await this.runner.send('HEXISTS', hash, ciphertext)) === 1
  }

  /**
   * Stores a value as JSON; of a secret value, at any depth, what it reveals.
   *
   * @throws RedisSerializationError, RedisValueTooLargeError; nothing was sent.
   */
  async setSecret(key: string, value: unknown): Promise<void> {
    const place = this.#place(key)
    const plain = plainValue(value, place.what)
    this.encode(plain, place.what)
    await this.#vault.store(plain, (sealed) =>
      this.runner.run(secretScripts.setSecret, {
        keys: {
          secret: place.key,
          secrets: this.#keys.indexKey(),
          salts: this.#keys.saltsKey(),
        },
        args: { name: key, ...sealed },
      })
    )
  }

  async deleteSecret(key: string): Promise<void> {
    await this.runner.run(secretScripts.deleteSecret, {
      keys: { secret: this.#place(key).key, secrets: this.#keys.indexKey() },
      args: { name: key },
    })
  }

  /**
   * Several secrets in one round trip, without those that are not there.
   *
   * @throws what {@link getSecret} throws, for the first that cannot be read.
   */
  async getSecrets<T extends Record<string, unknown> = Record<string, unknown>>(
    keys: (keyof T & string)[]
  ): Promise<Partial<SecretValues<T>>> {
    const places = keys.map((key) => this.#place(key))
    const read = await this.runner.sendAll(places.map(readCommand))
    const values = await Promise.all(
      places.map((place, i) => this.#vault.open(place, read[i]))
    )
    const found: Array<[string, SecretValue<unknown>]> = []
    for (const [i, value] of values.entries()) {
      if (value === undefined) continue
      found.push([places[i]!.name, await toSecretValue(value)])
    }
    return Object.fromEntries(found) as Partial<SecretValues<T>>
  }

  /**
   * Wraps every secret that is under an older version under the current key,
   * while others read and write. To be called when every process has both
   * keys, and again when the last one that wrote under the old key has ended:
   * a secret that it wrote behind the rotation's back is still under the old
   * version, readable with `previousKey` only. What was done is not done again.
   *
   * Where 0.12 was here and nobody called `migrate`, it does so first.
   *
   * @returns How many secrets were wrapped anew.
   * @throws RedisKeyMissingError without a `previousKey`.
   * @throws RedisRotationError after all others, with those that could not be.
   */
  async rotateKEK(): Promise<number> {
    const rotation = new Rotation(this.#vault)
    if (!(await this.#isIndexed())) await this.migrate()
    return rotation.run(this.#pages())
  }

  /**
   * Puts the secrets that 0.12 wrote into the index, which only `rotateKEK`
   * reads. Online and repeatable: call it once more when the last 0.12 process
   * has ended.
   *
   * @throws RedisOptionsError on a cluster, which 0.12 cannot use.
   */
  async migrate(): Promise<SecretMigrationProgress> {
    if (this.adapter.topology === 'cluster') {
      throw new RedisOptionsError(
        `0.12 keeps no secrets on a cluster: '${this.#keys.prefix}' has ` +
          'nothing to migrate'
      )
    }
    return migrateSecrets(this.runner, this.#keys)
  }

  async #isIndexed(): Promise<boolean> {
    if (this.adapter.topology === 'cluster') return true
    const salts = this.#keys.saltsKey()
    return (await this.runner.send('HEXISTS', salts, 'indexed')) === 1
  }

  async *#pages(): AsyncGenerator<Place[]> {
    for await (const names of namePages(this.runner, this.#keys.indexKey())) {
      yield names.map((name) => this.#place(name))
    }
  }

  /** @throws RedisArgumentError for a name that is none. */
  #place(name: string): Place {
    return {
      key: this.#keys.secretKey(name),
      ciphertext: 'ciphertext',
      wrappedDek: 'wrapped_dek',
      keyVersion: 'key_version',
      what: `secret "${name}"`,
      name,
    }
  }
}
