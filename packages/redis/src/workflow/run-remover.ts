import { RedisLayoutError, runScripts } from '@pikku/redis-core'
import type { StoreContext } from './store-context.js'

/**
 * Deletes a run in one script, which is given the hashes of all its steps. A
 * step that is added between the read of the names and the script is seen by
 * it, and the names are read again. A crash leaves all of the run or none.
 */
export async function removeRun(
  { runner, keys }: StoreContext,
  runId: string
): Promise<boolean> {
  const steps = keys.stepsKey(runId)
  for (;;) {
    const found = keys.foundStepsKey(runId)
    const replies = await runner.sendAll([
      ['ZRANGE', steps, '0', '-1'],
      // Of a migration that was interrupted.
      ['SMEMBERS', found],
    ])
    const names = [...new Set(replies.flat().map(String))]
    const stepIds = await runner.sendAll(
      names.map(
        (name) => ['HGET', keys.stepKey(runId, name), 'stepId'] as const
      )
    )
    const { code } = await runner.run(runScripts.deleteRun, {
      keys: keys.runScriptKeys(runId),
      args: {},
      rest: names,
      moreKeys: [
        ...names.map((name) => keys.stepKey(runId, name)),
        ...names.map((name) => keys.stepLockKey(runId, name)),
        found,
        // 0.12 has no partitions, so these may be in another slot.
        ...(keys.partitions === undefined
          ? stepIds.map((id) => keys.publishedHistoryKey(String(id)))
          : []),
      ],
    })
    if (code === 'unlisted') {
      throw new RedisLayoutError(
        `Run '${runId}' was written by @pikku/redis 0.12 and is in no index: ` +
          'call migrate() first'
      )
    }
    if (code !== 'changed') return code === 'ok'
  }
}
