import { layoutScripts, RedisLayoutError } from '@pikku/redis-core'
import type { StoreContext } from './store-context.js'

/** Goes up when keys or fields change so that older code would misread them. */
const LAYOUT_VERSION = 1

/**
 * Records how the prefix is laid out, or checks that it is laid out like this.
 *
 * @throws RedisLayoutError if it is not: its runs would look lost.
 */
export async function settleLayout({
  runner,
  keys,
}: Pick<StoreContext, 'runner' | 'keys'>): Promise<void> {
  const key = keys.layoutKey()
  const wanted = JSON.stringify({
    version: LAYOUT_VERSION,
    partitions: keys.partitions ?? null,
  })
  const found = await runner.run(layoutScripts.recordLayout, {
    keys: { layout: key },
    args: { wanted },
  })
  if (found === wanted) return
  throw new RedisLayoutError(
    `The prefix '${keys.prefix}' is laid out as ${found} (key '${key}'), ` +
      `not as ${wanted}: use the same partitions, or another keyPrefix`
  )
}
