import * as ioRedisEntry from '@pikku/redis'
import type {
  AgentRunRow,
  AgentRunService,
  WorkflowRunService,
} from '@pikku/redis'
import * as nodeRedisEntry from '@pikku/redis/node-redis'
import * as published from '@pikku/redis-published'
import { describe, expect, expectTypeOf, test } from 'vitest'

describe('the exports', () => {
  test('have all that 0.12.18 has', () => {
    expect(Object.keys(published)).toHaveLength(8)
    expect(Object.keys(ioRedisEntry)).toEqual(
      expect.arrayContaining(Object.keys(published))
    )
    expectTypeOf<AgentRunService>().toEqualTypeOf<published.AgentRunService>()
    expectTypeOf<AgentRunRow>().toEqualTypeOf<published.AgentRunRow>()
    expectTypeOf<WorkflowRunService>().toEqualTypeOf<published.WorkflowRunService>()
  })

  test('are the same for both clients', () => {
    expect(Object.keys(nodeRedisEntry)).toEqual(Object.keys(ioRedisEntry))
  })
})
