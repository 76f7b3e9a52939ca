import { randomUUID } from 'node:crypto'

/** A key prefix that no other test uses, so that tests share one server without seeing each other's keys. */
export function uniquePrefix(label = 'test'): string {
  return `${label}-${randomUUID()}`
}
