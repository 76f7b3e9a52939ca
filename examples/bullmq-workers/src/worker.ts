import { rpc } from './application.ts'
import { ORCHESTRATOR, SLEEPER, STEP_WORKER } from './bullmq-binding.ts'
import { openShop, type ShopOptions } from './shop.ts'

/** As JSON in SHOP: an environment does not show a password in `ps`. */
const options = JSON.parse(process.env['SHOP']!) as ShopOptions
const { service, queues, close } = await openShop(options)
const leaseMs = options.leaseMs ?? 30_000
const worker = {
  concurrency: 16,
  // Dead workers are found as fast by the queue as by the store.
  lockDuration: leaseMs,
  stalledInterval: leaseMs,
}

queues.work(
  ORCHESTRATOR,
  ({ runId }) => service.orchestrateWorkflow(runId, rpc),
  worker
)
queues.work(
  STEP_WORKER,
  ({ runId, stepName, rpcName, data }) =>
    service.executeWorkflowStep(runId, stepName, rpcName, data, rpc),
  worker
)
queues.work(
  SLEEPER,
  ({ runId, stepId }) => service.executeWorkflowSleepCompleted(runId, stepId),
  worker
)
service.startRecovery({ everyMs: Math.floor(leaseMs / 3) })

// A deploy: take no new work, finish what is in hand, close in order. What
// takes too long is left behind, and another process finds it.
process.once('SIGTERM', () => {
  void (async () => {
    await queues.stopWorking()
    await close()
    process.exit(0)
  })()
})
process.send?.('ready')
