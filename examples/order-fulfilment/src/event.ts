/** What a worker says on its stdout, one JSON object per line. */
export interface WorkerEvent {
  readonly type:
    'started' | 'resumed' | 'step' | 'held' | 'waiting' | 'completed' | 'failed'
  readonly order: string
  readonly runId?: string
  readonly step?: string
  readonly text?: string
}

export function report(event: WorkerEvent): void {
  console.log(JSON.stringify(event))
}

export function parseEvent(line: string): WorkerEvent {
  return JSON.parse(line) as WorkerEvent
}
