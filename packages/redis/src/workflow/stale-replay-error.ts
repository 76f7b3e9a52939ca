/**
 * A body that was being replayed came to a step that it took for new, and there
 * was one: somebody added it after the replay had read the steps. The body did
 * nothing with it yet; replayed once more it finds it.
 */
export class StaleReplayError extends Error {
  override readonly name = 'StaleReplayError'

  constructor(runId: string, stepName: string) {
    super(
      `Step '${stepName}' of run '${runId}' was added by somebody else while ` +
        'its run was driven'
    )
  }
}
