import { RawConnection } from './raw-connection.js'

/** What a running server says it is, such as `Redis 7.0.15` or `Valkey 8.1.4`. */
export async function readServerVersion(url: string): Promise<string> {
  const connection = await RawConnection.open(url)
  try {
    const info = String(await connection.command('INFO', 'server'))
    const field = (name: string) =>
      info.match(new RegExp(`^${name}:(.*?)\\r?$`, 'm'))?.[1]
    const valkey = field('valkey_version')
    return valkey
      ? `Valkey ${valkey}`
      : `Redis ${field('redis_version') ?? 'of unknown version'}`
  } finally {
    await connection.close()
  }
}
