import { describe, expect, test } from 'vitest'
import {
  KeySchema,
  RedisArgumentError,
  RedisOptionsError,
} from '../src/index.js'

describe('the key schema', () => {
  test('without partitions gives exactly the documented keys', () => {
    const keys = new KeySchema()
    expect(keys.runKey('r')).toBe('workflows:run:r')
    expect(keys.stepKey('r', 'a:b')).toBe('workflows:step:r:a:b')
    expect(keys.historyKey('r')).toBe('workflows:history:r')
    expect(keys.lockKey('r')).toBe('workflows:lock:r')
    expect(keys.stepLockKey('r', 's')).toBe('workflows:step-lock:r:s')
    expect(keys.runStateKey('r')).toBe('workflows:run-state:r')
    expect(keys.versionKey('wf', 'h')).toBe('workflows:version:wf:h')
    expect(keys.stepsKey('r')).toBe('workflows:steps:r')
  })

  test('with partitions spreads runs evenly, and keeps each in one slot', () => {
    const keys = new KeySchema({ partitions: 8 })
    const counts = new Map<string, number>()
    for (let i = 0; i < 8_000; i++) {
      const id = crypto.randomUUID()
      const tags = [
        ...Object.values(keys.runKeys(id)),
        keys.stepKey(id, '{x}'),
      ].map((key) => /\{(.*?)\}/.exec(key)?.[1])
      expect(new Set(tags).size).toBe(1)
      counts.set(tags[0]!, (counts.get(tags[0]!) ?? 0) + 1)
    }
    expect(counts.size).toBe(8)
    for (const count of counts.values()) expect(count).toBeGreaterThan(700)
  })

  test('a step id gives back its run and its step name', () => {
    const keys = new KeySchema()
    for (const name of ['plain', 'a:b:c', ':', '', '::']) {
      const id = keys.stepId('run-1', name, 'token')
      expect(keys.parseStepId(id)).toEqual({ runId: 'run-1', stepName: name })
    }
    for (const bad of ['', 'a', 'a:b', ':a:b']) {
      expect(() => keys.parseStepId(bad)).toThrow(RedisArgumentError)
    }
  })

  test('a foreign run id never meets the keys of another run', () => {
    const keys = new KeySchema()
    expect(keys.stepKey('a:b', 'c')).not.toBe(keys.stepKey('a', 'b:c'))
    expect(keys.runKey('a:b')).toBe('workflows:run:a%3Ab')
  })

  test('names that would collide as UTF-8 are refused', () => {
    const keys = new KeySchema()
    expect(() => keys.stepKey('r', '\ud800')).toThrow(RedisArgumentError)
    expect(() => keys.stepKey('r', undefined as never)).toThrow(
      RedisArgumentError
    )
    expect(() => keys.runKey('')).toThrow(RedisArgumentError)
  })

  test('bad prefixes and partitions are refused by name', () => {
    for (const partitions of [0, -1, 1.5, Number.NaN, 20_000]) {
      expect(() => new KeySchema({ partitions })).toThrow(/partitions/)
    }
    expect(() => new KeySchema({ prefix: '' })).toThrow(RedisOptionsError)
    expect(() => new KeySchema({ prefix: '{a}', partitions: 2 })).toThrow(
      /brace/
    )
  })
})
