import {
  type RedisReply,
  type ScriptRunner,
  type SecretKeys,
  secretScripts,
} from '@pikku/redis-core'
import { namePages } from './name-pages.js'

export interface SecretMigrationProgress {
  /** Secrets of 0.12 that the index did not have. */
  added: number
  /** Names in the index of secrets that 0.12 deleted. */
  removed: number
}

/**
 * Makes the index of names complete: 0.12 knows nothing of it. The one thing
 * here that scans the keyspace, once.
 *
 * Concurrency: 0.12 and this version go on meanwhile; each name is one script,
 * which looks whether there is a secret. Crash: what is done is done, and the
 * index counts as complete only at the end.
 */
export async function migrateSecrets(
  runner: ScriptRunner,
  keys: SecretKeys
): Promise<SecretMigrationProgress> {
  const progress = { added: 0, removed: 0 }
  const look = async (names: readonly string[]) => {
    const outcomes = await Promise.all(
      names.map((name) =>
        runner.run(secretScripts.indexSecret, {
          keys: { secret: keys.secretKey(name), secrets: keys.indexKey() },
          args: { name },
        })
      )
    )
    for (const { code } of outcomes) if (code !== 'same') progress[code] += 1
  }
  for await (const names of namePages(runner, keys.indexKey())) {
    await look(names)
  }
  for await (const names of scan(runner, keys)) await look(names)
  await runner.run(secretScripts.finishIndex, {
    keys: { salts: keys.saltsKey() },
    args: {},
  })
  return progress
}

async function* scan(
  runner: ScriptRunner,
  keys: SecretKeys
): AsyncGenerator<string[]> {
  let cursor = '0'
  do {
    const options = ['MATCH', keys.scanPattern(), 'COUNT', '1000']
    const reply = await runner.send('SCAN', cursor, ...options)
    const [next, found] = reply as [string, RedisReply[]]
    cursor = String(next)
    yield found.map((key) => keys.nameOf(String(key)))
  } while (cursor !== '0')
}
