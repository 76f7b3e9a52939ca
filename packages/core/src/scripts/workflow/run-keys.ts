/** The keys that every script gets that writes to a run, in this order. */
export const runScriptKeys = [
  'run',
  'lock',
  'steps',
  'history',
  'state',
  'pendingSteps',
  'listing',
  'counts',
  'idle',
  'pending',
  'leases',
] as const
