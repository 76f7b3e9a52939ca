/** A contender's own process: it takes samples, one at a time, when asked. */
import { contenderOf } from './contenders.ts'
import type { FromChild, Request, ToChild } from './protocol.ts'
import type { Values } from './scenario.ts'
import { scenarioOf } from './scenarios/index.ts'

let begin = () => {}

process.on('message', (message: ToChild) => {
  if (message.kind === 'begin') return begin()
  measure(message.request).then(
    (values) => tell({ kind: 'done', values }),
    (error: Error) => tell({ kind: 'failed', error: error.stack ?? `${error}` })
  )
})
process.on('disconnect', () => process.exit())
tell({ kind: 'started' })

async function measure(request: Request): Promise<Values> {
  const scenario = scenarioOf(request.scenario)
  if (!scenario.measure) throw new Error(`${request.scenario}: nothing to do`)
  return scenario.measure({
    ...request,
    contender: contenderOf(request.contender),
    begin: () =>
      new Promise((resolve) => {
        begin = resolve
        tell({ kind: 'warm' })
      }),
  })
}

function tell(message: FromChild): void {
  process.send?.(message)
}
