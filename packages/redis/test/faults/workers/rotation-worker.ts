import { writeSync } from 'node:fs'
import {
  RedisCredentialService as CredentialsOverIoRedis,
  RedisSecretService as SecretsOverIoRedis,
} from '@pikku/redis'
import {
  RedisCredentialService as CredentialsOverNodeRedis,
  RedisSecretService as SecretsOverNodeRedis,
} from '@pikku/redis/node-redis'
import { IoRedisAdapter } from '@pikku/redis-ioredis'
import { NodeRedisAdapter } from '@pikku/redis-node-redis'
import { Fuse, FusedAdapter } from './fused-adapter.js'

// A process that rotates, and kills itself at a point of it.

/** How it is set up, as JSON in `ROTATION_WORKER`. */
export interface RotationSetup {
  client: string
  kind: string
  url: string
  options: { key: string; keyPrefix: string }
  diesAt: number
}

const setup = JSON.parse(process.env['ROTATION_WORKER']!) as RotationSetup
const { client, kind, url, options } = setup
const isIoRedis = client === 'ioredis'
const fuse = new Fuse()
const adapter = isIoRedis
  ? IoRedisAdapter.from(url)
  : NodeRedisAdapter.from(url)
const Class = {
  secrets: isIoRedis ? SecretsOverIoRedis : SecretsOverNodeRedis,
  credentials: isIoRedis ? CredentialsOverIoRedis : CredentialsOverNodeRedis,
}[kind]!

const service = new Class(new FusedAdapter(adapter, fuse), options)
await service.init()
fuse.light(setup.diesAt)
const rotated = await service.rotateKEK()
writeSync(1, `${JSON.stringify({ rotated })}\n`)
await adapter.close()
