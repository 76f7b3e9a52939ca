import type { WorkflowRun, WorkflowStatus } from '@pikku/core/workflow'
import { RedisArgumentError, runScripts } from '@pikku/redis-core'
import { optionalNumber, toFields } from '../common/hash.js'
import { runFromHash } from './run-store.js'
import type { StoreContext } from './store-context.js'

export interface ListRunsOptions {
  workflowName?: string
  status?: string
  /** @default 50 */
  limit?: number
  /** @default 0 */
  offset?: number
  /** Where the page before ended; any depth costs the same. */
  cursor?: string
}

export interface RunPage {
  runs: WorkflowRun[]
  /**
   * For the next page; missing if this page is not full. If it is full and the
   * last one, the next page is empty.
   */
  cursor?: string
}

export interface RunCount {
  workflowName: string
  status: WorkflowStatus
  count: number
}

const LARGEST_PAGE = 10_000

/**
 * The index of runs. Scripts move a run in it together with its status, so a
 * page is a read of one range and of the runs in it, whatever else is stored.
 * Partitions are merged: each gives its own newest.
 */
export class RunIndex {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  /** @throws RedisArgumentError for a limit, offset or cursor that is none. */
  async page(options: ListRunsOptions = {}): Promise<RunPage> {
    const { limit = 50, offset = 0 } = options
    whole('limit', limit, LARGEST_PAGE)
    whole('offset', offset, Number.MAX_SAFE_INTEGER)
    if (limit === 0) return { runs: [] }
    const ends = await this.#ends(scopeOf(options), after(options.cursor), {
      offset,
      limit,
    })
    const last = ends.at(-1)
    return {
      runs: await this.#read(ends),
      ...(last !== undefined &&
        ends.length === limit && {
          cursor: Buffer.from(last).toString('base64url'),
        }),
    }
  }

  async counts(): Promise<RunCount[]> {
    const { runner, keys } = this.#context
    const replies = await runner.sendAll(
      keys.allIndexKeys().map(({ counts }) => ['HGETALL', counts] as const)
    )
    const totals = new Map<string, number>()
    for (const [i, reply] of replies.entries()) {
      for (const [field, text] of toFields(reply)) {
        const key = keys.allIndexKeys()[i]?.counts ?? ''
        const count = optionalNumber(text, key, field) ?? 0
        totals.set(field, (totals.get(field) ?? 0) + count)
      }
    }
    return [...totals]
      .map(([field, count]) => {
        const colon = field.indexOf(':')
        return {
          workflowName: field.slice(colon + 1),
          status: field.slice(0, colon) as WorkflowStatus,
          count,
        }
      })
      .toSorted(
        (a, b) =>
          order(a.workflowName, b.workflowName) || order(a.status, b.status)
      )
  }

  async workflowNames(): Promise<string[]> {
    const names = (await this.counts()).map(({ workflowName }) => workflowName)
    return [...new Set(names)]
  }

  /** The ends of the index members of a page, '{createdAt}:{id}'. */
  async #ends(
    scope: string,
    cursor: string,
    { offset, limit }: { offset: number; limit: number }
  ): Promise<string[]> {
    const { runner, keys } = this.#context
    const indexes = keys.allIndexKeys()
    const alone = indexes.length === 1
    const pages = await Promise.all(
      indexes.map(({ listing }) =>
        runner.run(runScripts.listRuns, {
          keys: { listing },
          args: {
            scope,
            after: cursor,
            offset: alone ? offset : 0,
            limit: alone ? limit : offset + limit,
          },
        })
      )
    )
    if (alone) return pages[0] ?? []
    return pages
      .flat()
      .toSorted((a, b) => order(b, a))
      .slice(offset, offset + limit)
  }

  async #read(ends: readonly string[]): Promise<WorkflowRun[]> {
    if (ends.length === 0) return []
    const { runner, keys } = this.#context
    const ids = ends.map((end) => end.slice(end.indexOf(':') + 1))
    const replies = await runner.sendAll(
      ids.map((id) => ['HGETALL', keys.runKey(id)] as const)
    )
    return ids.flatMap((id, i) => {
      const fields = toFields(replies[i] ?? null)
      // Deleted since the index was read.
      return fields.has('id') ? [runFromHash(fields, keys.runKey(id))] : []
    })
  }
}

function scopeOf({ workflowName, status }: ListRunsOptions): string {
  // The scripts count bytes.
  const named =
    workflowName && `${Buffer.byteLength(workflowName)}:${workflowName}`
  if (named) return status ? `b:${status}:${named}:` : `w:${named}:`
  return status ? `s:${status}:` : 'a:'
}

function after(cursor: string | undefined): string {
  if (cursor === undefined) return ''
  const end = Buffer.from(String(cursor), 'base64url').toString()
  if (!/^\d{13}:./.test(end)) {
    throw new RedisArgumentError(`'${cursor}' is not a cursor of listRuns`)
  }
  return end
}

function whole(name: string, value: unknown, most: number): void {
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > most) {
    throw new RedisArgumentError(
      `${name} must be a whole number from 0 to ${most}, not ${String(value)}`
    )
  }
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
