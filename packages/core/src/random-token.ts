import { randomFillSync } from 'node:crypto'

/** 48 bits: among the few calls and steps that could meet, enough. */
const BYTES = 6

/** Asking the system for each token by itself would cost more than the rest. */
const pool = Buffer.alloc(BYTES * 1_024)
let next = pool.length

/** A short text without a colon that nobody else has: 8 characters. */
export function randomToken(): string {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  next += BYTES
  return pool.toString('base64url', next - BYTES, next)
}
