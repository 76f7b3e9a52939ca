/** The keys that every script gets that changes a step. */
export const stepScriptKeys = [
  'run',
  'lock',
  'step',
  'steps',
  'history',
  'pendingSteps',
  'idle',
  'pending',
  'leases',
] as const
