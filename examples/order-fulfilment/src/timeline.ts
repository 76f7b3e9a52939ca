import type { Service } from './client.ts'
import { dim, green, red, seconds, yellow } from './style.ts'

const WIDTH = 34
const APPROVAL_STEP = '__workflow_approval:'

export type Attempt = Awaited<ReturnType<Service['getRunHistory']>>[number]

/** A run in the terminal: one row for each attempt of each step. */
export function drawTimeline(history: Attempt[], killedAt: number): string[] {
  const begin = Math.min(...history.map(startOf))
  const end = Math.max(...history.map(endOf))
  const column = (at: number) => {
    const share = (at - begin) / Math.max(1, end - begin)
    return Math.min(WIDTH - 1, Math.max(0, Math.floor(share * WIDTH)))
  }
  const kill = column(killedAt)
  return history.map((attempt) => {
    const [from, to] = [column(startOf(attempt)), column(endOf(attempt))]
    const paint = colourOf(attempt)
    const cells = Array.from({ length: WIDTH }, (_, at) => {
      if (at === kill) return red('┃')
      return at >= from && at <= to ? paint('█') : dim('·')
    })
    return [
      `  ${nameOf(attempt).padEnd(20)}`,
      `#${attempt.attemptCount} `,
      cells.join(''),
      seconds(endOf(attempt) - startOf(attempt)).padStart(7),
      paint(attempt.status),
    ].join(' ')
  })
}

export function drawLegend(): string {
  return dim(
    "  #n attempt n, times from the Redis server's clock, ┃ the worker is killed"
  )
}

function nameOf({ stepName }: Attempt): string {
  return stepName.startsWith(APPROVAL_STEP)
    ? stepName.slice(APPROVAL_STEP.length)
    : stepName
}

function startOf({ runningAt, createdAt }: Attempt): number {
  return (runningAt ?? createdAt).getTime()
}

function endOf({ succeededAt, failedAt, updatedAt }: Attempt): number {
  return (succeededAt ?? failedAt ?? updatedAt).getTime()
}

function colourOf({ status }: Attempt): (text: string) => string {
  if (status === 'succeeded') return green
  return status === 'failed' ? red : yellow
}
