import {
  type EncryptedEntry,
  RedisCorruptDataError,
  RedisDecryptionError,
  RedisKeyMissingError,
  RedisRotationError,
  RedisWrongTypeError,
  secretScripts,
} from '@pikku/redis-core'
import { entryOf, type Place, texts, type Vault, wrappingOf } from './vault.js'

/** How many are on their way at once. */
const AT_ONCE = 100
/** Who writes one all the time cannot hold up the others. */
const MOST_TRIES = 50
/** How many an error's message lists; its `failed` has all. */
const MOST_LISTED = 20

/** What could not be wrapped anew; without an error, it changed all the time. */
interface Failure {
  readonly entry: EncryptedEntry
  readonly error: unknown
}

/**
 * Wraps the data keys of everything that is older than the vault's own key
 * version anew, and sees that what is under that version opens with its key: the
 * previous one may be taken away after it. Values are not touched, nor decrypted.
 *
 * Concurrency: each is one compare-and-set, of the data key and the version as
 * they were read. What was replaced or deleted meanwhile is left alone and
 * read again. Two rotations at once share the work, and each counts its own.
 *
 * Crash: an envelope is whole under either version, and a service that has
 * both keys reads it. The next rotation skips what is done.
 */
export class Rotation {
  readonly #vault: Vault
  readonly #failed: EncryptedEntry[] = []
  #firstError: unknown
  #rotated = 0

  /** @throws RedisKeyMissingError if there is no previous key. */
  constructor(vault: Vault) {
    const { hasPrevious, keyVersion } = vault.keys
    if (!hasPrevious) {
      throw new RedisKeyMissingError(
        'No previousKey configured — nothing to rotate from',
        keyVersion - 1
      )
    }
    this.#vault = vault
  }

  /**
   * @returns How many were wrapped anew.
   * @throws RedisRotationError after all, for those that could not be.
   */
  async run(pages: AsyncIterable<readonly Place[]>): Promise<number> {
    for await (const page of pages) {
      for (let i = 0; i < page.length; i += AT_ONCE) {
        // All of them end before an error is thrown: nothing goes on behind it.
        const ends = await Promise.allSettled(
          page.slice(i, i + AT_ONCE).map((place) => this.#rotate(place))
        )
        for (const end of ends) {
          if (end.status === 'rejected') throw end.reason
          if (end.value) this.#note(end.value)
        }
      }
    }
    if (this.#failed.length > 0) throw this.#incomplete()
    return this.#rotated
  }

  /** In the order of the pages, whichever was known first. */
  #note({ entry, error }: Failure): void {
    this.#failed.push(entry)
    this.#firstError ??= error
  }

  async #rotate(place: Place): Promise<Failure | undefined> {
    let keyVersion = ''
    let problem: unknown
    try {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const read = await this.#read(place)
        if (read.every((text) => text === undefined)) return undefined
        keyVersion = read[1] ?? ''
        if (await this.#rewrapped(place, read)) return undefined
      }
    } catch (error) {
      if (!isOfOneEntry(error)) throw error
      problem = error
    }
    return { entry: entryOf(place, keyVersion), error: problem }
  }

  async #read({
    key,
    wrappedDek,
    keyVersion,
  }: Place): Promise<Array<string | undefined>> {
    const { runner } = this.#vault
    return texts(await runner.send('HMGET', key, wrappedDek, keyVersion))
  }

  /** @returns Whether nothing is left to do; `false` if it has changed. */
  async #rewrapped(
    place: Place,
    read: ReadonlyArray<string | undefined>
  ): Promise<boolean> {
    const { keys, runner, saltsKey } = this.#vault
    const wrapping = wrappingOf(place, read)
    if (wrapping.version > keys.keyVersion) return true
    const rewrapped = await this.#vault.rewrap(place, wrapping)
    // It could be unwrapped: whoever has the key alone reads it.
    if (wrapping.version === keys.keyVersion) return true
    const { code } = await runner.run(secretScripts.rewrap, {
      keys: { holder: place.key, salts: saltsKey },
      args: {
        dekField: place.wrappedDek,
        versionField: place.keyVersion,
        readDek: wrapping.wrappedDek,
        readVersion: wrapping.keyVersion,
        ...rewrapped,
      },
    })
    if (code === 'salt') keys.refresh(keys.keyVersion)
    if (code !== 'ok') return false
    this.#rotated += 1
    return true
  }

  #incomplete(): RedisRotationError {
    const failed = this.#failed
    const listed = failed
      .slice(0, MOST_LISTED)
      .map(
        ({ name, userId, keyVersion }) =>
          `"${name}"${userId === undefined ? '' : ` of user "${userId}"`}` +
          ` (key_version ${keyVersion || 'unknown'})`
      )
    const more = failed.length - listed.length
    if (more > 0) listed.push(`${more} more`)
    return new RedisRotationError(
      `${this.#rotated} were rotated to key_version ` +
        `${this.#vault.keys.keyVersion}, and ${failed.length} could not be: ` +
        listed.join(', '),
      this.#rotated,
      failed,
      this.#firstError === undefined ? undefined : { cause: this.#firstError }
    )
  }
}

/** Whether others may be well: a connection that is gone is everybody's. */
function isOfOneEntry(error: unknown): boolean {
  return (
    error instanceof RedisCorruptDataError ||
    error instanceof RedisDecryptionError ||
    error instanceof RedisWrongTypeError
  )
}
