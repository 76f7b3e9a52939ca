import type { Contender } from './contenders.ts'
import type { Lab } from './lab.ts'

export interface Settings {
  /** A smoke run: it shows that everything works, and nothing else. */
  readonly quick: boolean
  readonly rounds: number
  readonly warmupMs: number
  readonly measureMs: number
  /** Whether server and clients have cores of their own, where that works. */
  readonly pinned: boolean
  /** The most other keys that `reads` puts beside a run. */
  readonly keys: number
}

/** Where Redis is. Several nodes, or one that says so, are a cluster. */
export interface Target {
  readonly urls: readonly string[]
  readonly cluster: boolean
}

export interface Metric {
  readonly label: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
}

export type Values = Record<string, number>

/** What one contender measured in one round of one case. */
export interface Sample {
  readonly case: string
  readonly contender: string
  readonly values: Values
}

/** The median of the samples, and what it is compared with. */
export interface Row {
  readonly case: string
  readonly contender: string
  readonly metric: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly samples: number
  readonly toPublished?: number
  readonly toFloor?: number
}

/** What a measurement is given: it runs in a process of its contender's own. */
export interface Bench {
  readonly contender: Contender
  readonly target: Target
  readonly keyPrefix: string
  readonly case: string
  readonly settings: Settings
  /** What the scenario's preparation found out. */
  readonly facts: Record<string, string>
  /** Warm now: resolves when everybody who runs at the same time is, too. */
  begin(): Promise<void>
}

export interface Scenario {
  readonly name: string
  readonly title: string
  /** For the report: what was measured, how, and what each line means. */
  readonly about: string
  readonly metrics: Record<string, Metric>
  /** The metric of the chart. */
  readonly headline: string
  /** Whether the chart compares cases with each other, not only contenders. */
  readonly sharedScale?: boolean
  /** Collects the samples of all rounds. */
  collect(lab: Lab): Promise<Sample[]>
  /** Takes one sample. */
  measure?(bench: Bench): Promise<Values>
  /** Rows that follow from others. */
  derive?(rows: readonly Row[]): Row[]
  /** What there is to say about the rows, a line each. */
  notes?(rows: readonly Row[]): string[]
}
