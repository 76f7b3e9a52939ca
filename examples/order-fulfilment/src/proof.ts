import type { Service } from './client.ts'
import { stepsOf } from './fulfilment.ts'
import type { LedgerEntry } from './ledger.ts'
import type { Order } from './orders.ts'
import { bold, dim, green, red } from './style.ts'
import type { Attempt } from './timeline.ts'

/** What Redis held for one run when its worker was dead. */
export interface Snapshot {
  readonly order: string
  /** Steps with a recorded result. */
  readonly recorded: Attempt[]
}

export interface Evidence {
  readonly orders: readonly Order[]
  readonly runs: ReadonlyMap<string, string>
  readonly before: readonly Snapshot[]
  readonly attempts: readonly LedgerEntry[]
  readonly killedPid: number
  readonly nextPid: number
}

export interface Proof {
  readonly lines: string[]
  /** What does not hold; nothing, one hopes. */
  readonly failures: string[]
}

const HEADER =
  '  order    effect              attempted killed next declined repeated happened'

export async function prove(
  service: Service,
  evidence: Evidence
): Promise<Proof> {
  const { orders, attempts, killedPid, nextPid } = evidence
  const failures: string[] = []
  const lines = [HEADER]
  let effects = 0
  for (const order of orders) {
    await proveCompleted(service, order, evidence, failures)
    for (const step of stepsOf(order)) {
      const own = attempts.filter(
        (a) => a.order === order.id && a.step === step
      )
      const done = own.filter(({ outcome }) => outcome === 'done').length
      effects += done
      if (done !== 1)
        failures.push(`${order.id}: '${step}' happened ${done} times`)
      const by = (pid: number) => own.filter((a) => a.pid === pid).length
      const of = (outcome: LedgerEntry['outcome']) =>
        own.filter((a) => a.outcome === outcome).length
      lines.push(
        [
          `  ${order.id.padEnd(8)} ${step.padEnd(19)}`,
          String(own.length).padStart(9),
          count(by(killedPid), 'killed'),
          count(by(nextPid), 'next'),
          count(of('declined'), 'declined'),
          count(of('repeated'), 'repeated'),
          (done === 1 ? green : red)(String(done).padStart(8)),
        ].join(' ')
      )
    }
  }
  const recorded = await proveRecorded(service, evidence, failures)
  const sum = (pid: number) => attempts.filter((a) => a.pid === pid).length
  lines.push(
    dim(`  killed: ${sum(killedPid)} attempts by worker ${killedPid}, killed`),
    dim(`  next: ${sum(nextPid)} attempts by worker ${nextPid}, after it`),
    dim('  repeated: done before but not recorded, so refused by its key'),
    ''
  )
  if (recorded === 0) failures.push('nothing was recorded before the kill')
  if (failures.length === 0) {
    lines.push(
      bold(
        green(
          `  PROOF ${orders.length} orders completed, ` +
            `${effects} effects happened exactly once,\n` +
            `        0 of ${recorded} recorded steps ran again`
        )
      )
    )
  }
  return { lines, failures }
}

async function proveCompleted(
  service: Service,
  order: Order,
  { runs }: Evidence,
  failures: string[]
): Promise<void> {
  const run = await service.getRun(runs.get(order.id) ?? '')
  if (run?.status !== 'completed')
    failures.push(`${order.id} is ${run?.status ?? 'without a run'}`)
}

/** A step whose result was recorded is neither run nor written again. */
async function proveRecorded(
  service: Service,
  { before, runs, attempts, nextPid }: Evidence,
  failures: string[]
): Promise<number> {
  let count = 0
  for (const { order, recorded } of before) {
    const after = await service.getRunHistory(runs.get(order) ?? '')
    for (const step of recorded) {
      count++
      const again = attempts.some(
        (attempt) =>
          attempt.pid === nextPid &&
          attempt.order === order &&
          attempt.step === step.stepName
      )
      if (again) failures.push(`${order}: '${step.stepName}' ran again`)
      const same = after.filter(
        (attempt) =>
          attempt.stepName === step.stepName &&
          attempt.stepId === step.stepId &&
          attempt.succeededAt?.getTime() === step.succeededAt?.getTime()
      )
      if (same.length !== 1)
        failures.push(`${order}: the record of '${step.stepName}' changed`)
    }
  }
  return count
}

function count(value: number, heading: string): string {
  return value === 0
    ? dim('·'.padStart(heading.length))
    : String(value).padStart(heading.length)
}
