import { InMemoryWorkflowService } from '@pikku/core/services'
import { Application } from './test/engine/application.ts'
let service = new (InMemoryWorkflowService as any)({ wireQueues: false })
const app = new Application()
app.serve({ warn: console.log, schedule: () => {} })
app.workflow('w', async (wf) => {
  let s = 0
  for (let i = 0; i < 20; i++)
    s += ((await wf.do(`step ${i}`, async () => ({ value: i }))) as any).value
  return { s }
})
const one = () =>
  service.startWorkflow('w', { order: 1 }, { type: 'test' }, app.rpc, {
    inline: true,
  })
for (let i = 0; i < 200; i++) await one()
const c0 = process.cpuUsage()
const t0 = performance.now()
for (let i = 0; i < 500; i++) {
  if (i % 10 === 0)
    service = new (InMemoryWorkflowService as any)({ wireQueues: false })
  await one()
}
const sec = (performance.now() - t0) / 1000
const c = process.cpuUsage(c0)
console.log(
  JSON.stringify({
    stepsPerS: Math.round(10000 / sec),
    clientUs: (c.user + c.system) / 10000,
  })
)
process.exit(0)
