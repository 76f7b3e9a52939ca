/** On the attempt of a step whose worker gave no sign of life any more. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError'
  readonly code = 'WORKER_LOST'

  constructor(runId: string, stepName: string) {
    super(
      `The worker of step '${stepName}' of run '${runId}' was lost: its lease ` +
        'ran out before there was an outcome'
    )
  }
}
