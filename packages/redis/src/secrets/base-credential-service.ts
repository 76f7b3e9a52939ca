import type { CredentialService } from '@pikku/core/services'
import {
  CredentialKeys,
  credentialScripts,
  type RedisAdapter,
  RedisArgumentError,
} from '@pikku/redis-core'
import { toFields } from '../common/hash.js'
import { RedisService } from '../common/redis-service.js'
import {
  type EncryptionOptions,
  resolveEncryptionOptions,
} from './encryption-options.js'
import { namePages } from './name-pages.js'
import { plainValue } from './plain-value.js'
import { Rotation } from './rotation.js'
import { type Place, readCommand, Vault } from './vault.js'

/** What a `RedisCredentialService` takes. */
export interface RedisCredentialServiceOptions extends EncryptionOptions {}

const CIPHERTEXT = 'ciphertext:'

/**
 * Credentials of users and of the platform (without a user), encrypted as
 * secrets are. `{prefix}:user-credentials:{userId}` and, for the platform,
 * `{prefix}:credentials` are hashes with three fields for each credential:
 * `ciphertext:{name}`, `wrapped_dek:{name}` and `key_version:{name}`.
 * The sorted sets `{prefix}:credential-users` and
 * `{prefix}:credential-users:{name}` say who has any and who has this one.
 *
 * Concurrency: the last of concurrent `set` calls is the one that stays, whole.
 * A credential and its place in the indexes change in one script; a rotation
 * goes on beside everything else.
 *
 * Crash: each call is one read or one script, so there is nothing in between;
 * `rotateKEK` is many, and goes on when it is called again.
 *
 * No error, and nothing that shows this object, has a key or a value in it.
 */
export abstract class BaseRedisCredentialService
  extends RedisService
  implements CredentialService
{
  readonly #keys: CredentialKeys
  readonly #vault: Vault

  protected constructor(
    adapter: RedisAdapter,
    given: RedisCredentialServiceOptions
  ) {
    const options = resolveEncryptionOptions(given)
    super(adapter, options)
    const prefix = options.keyPrefix ?? 'pikku'
    this.#keys = new CredentialKeys(prefix, adapter.topology)
    this.#vault = new Vault(this.runner, this.#keys.saltsKey(), options)
  }

  /**
   * @returns `null` if there is none.
   * @throws RedisKeyMissingError for a credential of another key version,
   *   without a `previousKey`.
   * @throws RedisDecryptionError for a wrong key, or tampered data.
   * @throws RedisCorruptDataError for a field that is missing or wrong.
   */
  async get<T = unknown>(name: string, userId?: string): Promise<T | null> {
    const place = this.#place(name, userId)
    const read = await this.runner.send(...readCommand(place))
    return (await this.#vault.open<T>(place, read)) ?? null
  }

  /**
   * Stores a value as JSON; of a secret value, at any depth, what it reveals.
   *
   * @param userId Whose it is; without one it is the platform's.
   * @throws RedisArgumentError for an empty user id: it would be everybody's.
   * @throws RedisSerializationError, RedisValueTooLargeError; nothing was sent.
   */
  async set(name: string, value: unknown, userId?: string): Promise<void> {
    const place = this.#place(name, userId)
    const plain = plainValue(value, place.what)
    this.encode(plain, place.what)
    await this.#vault.store(plain, (sealed) =>
      this.runner.run(credentialScripts.setCredential, {
        keys: {
          ...this.#scriptKeys(name, userId),
          salts: this.#keys.saltsKey(),
        },
        args: { userId: userId ?? '', name, ...sealed },
      })
    )
  }

  /**
   * Deletes the credential, if there is one.
   *
   * @param userId Missing for one of the platform.
   */
  async delete(name: string, userId?: string): Promise<void> {
    await this.runner.run(credentialScripts.deleteCredential, {
      keys: this.#scriptKeys(name, userId),
      args: { userId: userId ?? '', name },
    })
  }

  /**
   * Whether there is such a credential; it is not decrypted.
   *
   * @param userId Missing for one of the platform.
   */
  async has(name: string, userId?: string): Promise<boolean> {
    const { key, ciphertext } = this.#place(name, userId)
    return (await this.runner.send('HEXISTS', key, ciphertext)) === 1
  }

  /**
   * All credentials of a user by name; not the platform's.
   *
   * @throws what {@link get} throws, for the first that cannot be read.
   */
  async getAll(userId: string): Promise<Record<string, unknown>> {
    const key = this.#userKey(userId)
    const fields = toFields(await this.runner.send('HGETALL', key))
    const values = await Promise.all(
      namesIn([...fields.keys()]).map(async (name) => {
        const place = this.#place(name, userId)
        const { ciphertext, wrappedDek, keyVersion } = place
        const read = [ciphertext, wrappedDek, keyVersion].map(
          (field) => fields.get(field) ?? null
        )
        return [name, await this.#vault.open(place, read)] as const
      })
    )
    return Object.fromEntries(values)
  }

  /** The ids of users that have a credential of this name. */
  async getUsersWithCredential(name: string): Promise<string[]> {
    return this.#members(this.#keys.usersOfNameKey(name))
  }

  /** The ids of users that have any credential. */
  async getAllUsers(): Promise<string[]> {
    return this.#members(this.#keys.usersKey())
  }

  /**
   * Wraps every credential that is under an older version under the current
   * key, while others read and write. To be called when every process has both
   * keys, and again when the last one that wrote under the old key has ended:
   * a credential that it wrote behind the rotation's back is still under the
   * old version, readable with `previousKey` only. What was done is not done
   * again.
   *
   * @returns How many credentials were wrapped anew.
   * @throws RedisKeyMissingError without a `previousKey`.
   * @throws RedisRotationError after all others, with those that could not be.
   */
  async rotateKEK(): Promise<number> {
    return new Rotation(this.#vault).run(this.#pages())
  }

  async *#pages(): AsyncGenerator<Place[]> {
    yield this.#placesOf([undefined])
    for await (const users of namePages(this.runner, this.#keys.usersKey())) {
      yield this.#placesOf(users)
    }
  }

  async #placesOf(users: ReadonlyArray<string | undefined>): Promise<Place[]> {
    const replies = await this.runner.sendAll(
      users.map((user) => ['HKEYS', this.#keys.credentialsKey(user)] as const)
    )
    return users.flatMap((user, i) => {
      const reply = replies[i]
      const fields = Array.isArray(reply) ? reply.map(String) : []
      return namesIn(fields).map((name) => this.#place(name, user))
    })
  }

  async #members(key: string): Promise<string[]> {
    const reply = await this.runner.send('ZRANGE', key, '0', '-1')
    return Array.isArray(reply) ? reply.map(String) : []
  }

  /** @throws RedisArgumentError for a user id that is none. */
  #userKey(userId: string): string {
    if (userId === undefined) {
      throw new RedisArgumentError('A user id must be a string, not undefined')
    }
    return this.#keys.credentialsKey(userId)
  }

  #scriptKeys(name: string, userId: string | undefined) {
    return {
      credentials: this.#keys.credentialsKey(userId),
      users: this.#keys.usersKey(),
      usersOfName: this.#keys.usersOfNameKey(name),
    }
  }

  /** @throws RedisArgumentError for a name or a user id that is none. */
  #place(name: string, userId: string | undefined): Place {
    const whose = userId === undefined ? '' : ` of user "${userId}"`
    // Refuses a name that is none.
    this.#keys.usersOfNameKey(name)
    return {
      key: this.#keys.credentialsKey(userId),
      ciphertext: `${CIPHERTEXT}${name}`,
      wrappedDek: `wrapped_dek:${name}`,
      keyVersion: `key_version:${name}`,
      what: `credential "${name}"${whose}`,
      name,
      ...(userId === undefined ? {} : { userId }),
    }
  }
}

function namesIn(fields: readonly string[]): string[] {
  return fields
    .filter((field) => field.startsWith(CIPHERTEXT))
    .map((field) => field.slice(CIPHERTEXT.length))
}
