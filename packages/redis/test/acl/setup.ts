import { readFile } from 'node:fs/promises'
import { RawConnection, RedisServer } from '@pikku/redis-testing'
import type { TestProject } from 'vitest/node'

const README = new URL('../../README.md', import.meta.url)
const USER = /^ACL SETUSER (pikku .*)$/m

/** A server whose user may do what the README says, and nothing else. */
export default async function provideRestrictedUser(
  project: TestProject
): Promise<() => Promise<void>> {
  const server = await RedisServer.start()
  const admin = await RawConnection.open(server.url)
  const [, rules] = USER.exec(await readFile(README, 'utf8')) ?? []
  if (!rules) throw new Error(`No line in ${README.pathname} is like ${USER}`)
  await admin.command('ACL', 'SETUSER', ...rules.split(' '))
  await admin.close()

  const [, password] = />(\S+)/.exec(rules)!
  const { host, port } = server
  project.provide('redisUrl', `redis://pikku:${password}@${host}:${port}`)
  project.provide('redisAdminUrl', server.url)
  project.provide('redisCluster', [])
  return () => server.stop()
}
