/**
 * A body that was being replayed came to a step that it took for new, and there
 * was one: somebody added it after the replay had read the steps. The body did
 * nothing with it yet; replayed once more it finds it. Steps that run in branches
 * beside it end first, and their results are recorded.
 */
export class StaleReplayError extends Error {
  override readonly name = 'StaleReplayError'
  readonly runId: string

  constructor(runId: string, stepName: string) {
    super(
      `Step '${stepName}' of run '${runId}' was added by somebody else while ` +
        'its run was driven'
    )
    this.runId = runId
  }
}
