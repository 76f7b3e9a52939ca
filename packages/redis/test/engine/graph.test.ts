import { afterEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../clients.js'
import { EngineHarness, type StepWire } from './engine-harness.js'

describe.each(CLIENTS)('graphs and versions over $client', (client) => {
  let engine: EngineHarness
  const open = async (queue: boolean) =>
    (engine = await EngineHarness.open(client, { queue }))

  afterEach(() => engine.close())

  /** check -> work -> check, as long as work is left; then check -> finish. */
  const addLoop = () => {
    let left = 2
    engine.step('check', (_, wire: StepWire) => {
      wire.graph!.branch(left > 0 ? 'again' : 'over')
      return { left }
    })
    engine.step('work', () => {
      left -= 1
    })
    engine.step('finish', () => 'finished')
    engine.step('never', () => 'never')
    engine.graph(
      'loop',
      {
        check: {
          rpcName: 'check',
          next: { again: 'work', over: 'finish', lost: 'never' },
        },
        work: { rpcName: 'work', next: 'check' },
        finish: {
          rpcName: 'finish',
          input: {
            first: { $ref: 'check', path: 'left' },
            who: { $ref: 'trigger', path: 'who' },
          },
        },
        never: { rpcName: 'never' },
      },
      'check'
    )
  }

  test.each([true, false])(
    'a graph takes its branches and goes round its cycle (queued: %s)',
    async (queue) => {
      await open(queue)
      addLoop()
      const id = await engine.start('loop', { who: 'me' })
      await engine.drain()
      expect(await engine.run(id)).toMatchObject({ status: 'completed' })
      expect(engine.calls.map(([name]) => name)).toEqual([
        'check',
        'work',
        'check',
        'work',
        'check',
        'finish',
      ])
      expect(engine.calls.at(-1)).toEqual(['finish', { first: 2, who: 'me' }])
      const history = await engine.service.getRunHistory(id)
      expect(
        history.map(({ stepName, fromStepName }) => [stepName, fromStepName])
      ).toEqual([
        ['check', undefined],
        ['work', 'check'],
        ['check#1', 'work'],
        ['work#1', 'check#1'],
        ['check#2', 'work#1'],
        ['finish', 'check#2'],
      ])
      expect(await engine.service.getCompletedGraphState(id)).toMatchObject({
        branchKeys: { check: 'again', 'check#1': 'again', 'check#2': 'over' },
        failedNodeIds: [],
      })
    }
  )

  test('a graph fails once a node has used up its retries', async () => {
    await open(true)
    engine.step('broken', () => Promise.reject(new Error('no')))
    engine.graph('fails', { only: { rpcName: 'broken', retries: 1 } }, 'only')
    const id = await engine.start('fails')
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({
      status: 'failed',
      error: { code: 'GRAPH_NODE_FAILED' },
    })
    expect(engine.count('broken')).toBe(2)
    expect(await engine.history(id)).toHaveLength(2)
  })

  /** A remote run whose definition changes before it is driven. */
  const startOutdated = async (source: 'complex' | 'dsl') => {
    await open(true)
    engine.step('touch', () => 'touched')
    engine.workflow('old', (workflow) => workflow.do('t', 'touch', {}), {
      source,
    })
    const id = await engine.start('old')
    engine.meta['old']!.graphHash = 'old-2'
    return id
  }

  test.each([
    ['complex', 'VERSION_CONFLICT'],
    ['dsl', 'VERSION_NOT_FOUND'],
  ] as const)(
    'a %s run of a definition that has changed fails with %s',
    async (source, code) => {
      const id = await startOutdated(source)
      await engine.drain()
      const run = await engine.run(id)
      expect(run).toMatchObject({ status: 'failed', error: { code } })
      expect(run.graphHash).toBe('old-1')
      expect(engine.calls).toEqual([])
    }
  )

  test('a run goes on with its stored version when the graph has changed', async () => {
    await open(true)
    engine.step('one', () => 1)
    engine.step('two', () => 2)
    const two = { rpcName: 'two' }
    engine.graph('flow', { one: { rpcName: 'one', next: 'two' }, two }, 'one')
    await engine.service.registerWorkflowVersions()
    const id = await engine.start('flow')
    const next = { one: { rpcName: 'one' } }
    engine.graph('flow', next, 'one')
    engine.meta['flow']!.graphHash = 'flow-2'
    await engine.drain()
    expect(await engine.run(id)).toMatchObject({ status: 'completed' })
    expect(engine.calls.map(([name]) => name)).toEqual(['one', 'two'])
  })
})
