import type { Client } from '../clients.js'

/**
 * What a suite that breaks things does with a service, whichever it is: it
 * writes under numbers, and checks what became of each.
 */
export interface Workout {
  /** The class, for the test's name. */
  readonly service: string
  open(client: Client, connection: unknown, keyPrefix: string): Exercise
}

export interface Exercise {
  init(): Promise<void>
  close(): Promise<void>
  /** Writes number `n`; the writes of one number can be made again. */
  write(n: number): Promise<unknown>
  /** Expects number `n` whole, as `write` left it. */
  expectWritten(n: number): Promise<void>
  /**
   * Expects number `n` whole or not there at all: its write ended in an error,
   * so nobody knows which.
   */
  expectWhole(n: number): Promise<void>
}
