import type { ScriptRunner } from '@pikku/redis-core'

const PAGE = 200

/**
 * The members of a sorted set whose scores are all the same, page by page. What
 * is there all the time is given once, whatever comes and goes meanwhile.
 */
export async function* namePages(
  runner: ScriptRunner,
  key: string
): AsyncGenerator<string[]> {
  let from = '-'
  for (;;) {
    const limit = ['BYLEX', 'LIMIT', '0', String(PAGE)]
    const reply = await runner.send('ZRANGE', key, from, '+', ...limit)
    const names = Array.isArray(reply) ? reply.map(String) : []
    if (names.length > 0) yield names
    if (names.length < PAGE) return
    from = `(${names.at(-1)}`
  }
}
