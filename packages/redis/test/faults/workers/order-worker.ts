import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { RedisWorkflowService as OverIoRedis } from '@pikku/redis'
import { RedisWorkflowService as OverNodeRedis } from '@pikku/redis/node-redis'
import { IoRedisAdapter } from '@pikku/redis-ioredis'
import { NodeRedisAdapter } from '@pikku/redis-node-redis'
import { Application, type Message } from '../../engine/application.js'
import { Fuse, FusedAdapter } from './fused-adapter.js'
import { registerOrders } from './orders.js'
import type { WorkerEvent, WorkerRequest, WorkerSetup } from './protocol.js'

// A process that works on orders: it takes requests from stdin, and prints
// what it did. A line is written at once and whole, so what was printed is
// what had happened when the process was killed.

const setup = JSON.parse(process.env['ORDER_WORKER']!) as WorkerSetup
const fuse = new Fuse()
const say = (event: WorkerEvent) => writeSync(1, `${JSON.stringify(event)}\n`)

const queue = {
  supportsResults: false,
  async add(queueName: string, data: unknown, options = {}) {
    fuse.reach(`before queueing ${queueName}`)
    const added = data as Message['data']
    say({ added: { queueName, data: added, options } })
    await setTimeout(0)
    fuse.reach(`after queueing ${queueName}`)
    return crypto.randomUUID()
  },
  getJob: async () => null,
}

const app = new Application()
app.serve({
  warn: (warning) => say({ warning }),
  queue,
  schedule: (delay, name, data) => queue.add(name, data, { delay }),
})

const { client, url } = setup
const adapter =
  client === 'ioredis' ? IoRedisAdapter.from(url) : NodeRedisAdapter.from(url)
const connection = new FusedAdapter(adapter, fuse)
const serviceOptions = { ...setup.service, wireQueues: false }
const service =
  client === 'ioredis'
    ? new OverIoRedis(connection, serviceOptions)
    : new OverNodeRedis(connection, serviceOptions)

/** What the world would see of a step: it happens, and gives a value. */
async function effect(runId: string, stepName: string): Promise<string> {
  fuse.reach(`before the effect of ${stepName}`)
  const value = `${stepName} ${crypto.randomUUID()}`
  say({ effect: { runId, stepName, value } })
  await setTimeout(0)
  fuse.reach(`after the effect of ${stepName}`)
  return value
}

/** Says that it waits, and goes on when it is told to. */
const held = new Map<string, () => void>()
async function hold(runId: string): Promise<void> {
  if (!setup.holds) return
  say({ holds: runId })
  await new Promise<void>((resolve) => held.set(runId, resolve))
}

registerOrders(app, { effect, hold, service })

async function answer(request: WorkerRequest): Promise<unknown> {
  if ('start' in request) {
    const { start } = request
    const wire = { type: 'test' }
    return (await service.startWorkflow(start, {}, wire, app.rpc)).runId
  }
  if ('go' in request) return held.get(request.go)?.()
  return app.deliver(request.deliver, service)
}

await service.init()
say({ ready: true })
if (setup.diesAt !== undefined) fuse.light(setup.diesAt)
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as WorkerRequest
  answer(request).then(
    (value) => say({ id: request.id, value }),
    (error: Error) =>
      say({ id: request.id, error: `${error.name}: ${error.message}` })
  )
}
