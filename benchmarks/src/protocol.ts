import type { Settings, Target, Values } from './scenario.ts'

/** What the process of a contender is asked for. */
export interface Request {
  readonly scenario: string
  readonly contender: string
  readonly target: Target
  readonly keyPrefix: string
  readonly case: string
  readonly settings: Settings
  readonly facts: Record<string, string>
}

export type ToChild =
  | { readonly kind: 'measure'; readonly request: Request }
  | { readonly kind: 'begin' }

export type FromChild =
  | { readonly kind: 'started' }
  | { readonly kind: 'warm' }
  | { readonly kind: 'done'; readonly values: Values }
  | { readonly kind: 'failed'; readonly error: string }
