import { writeSync } from 'node:fs'
import { RedisDeploymentService as OverIoRedis } from '@pikku/redis'
import { RedisDeploymentService as OverNodeRedis } from '@pikku/redis/node-redis'
import { RemoteServer } from '../remote-server.js'
import type { DeploymentSetup } from './protocol.js'

// A process that is a deployment: it answers every call with its pid, and
// prints what its service logs. A line is written at once and whole.

const setup = JSON.parse(process.env['DEPLOYMENT']!) as DeploymentSetup
const say = (line: string) => writeSync(1, `${line}\n`)
const { client, config, keyPrefix, deploymentId } = setup

const server = await RemoteServer.start((response) =>
  response.end(String(process.pid))
)
const options = { keyPrefix, logger: { warn: say } }
const connection = setup.connection as string
const service =
  client === 'ioredis'
    ? new OverIoRedis(config, connection, options)
    : new OverNodeRedis(config, connection, options)
await service.start({
  deploymentId,
  endpoint: server.endpoint,
  functions: [...setup.functions],
})
process.once('SIGTERM', async () => {
  await service.stop()
  process.exit(0)
})
say('ready')
