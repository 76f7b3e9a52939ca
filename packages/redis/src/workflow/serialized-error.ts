import type { WorkflowRun } from '@pikku/core/workflow'

/** Derived, because the package moves the type itself from version to version. */
export type SerializedError = NonNullable<WorkflowRun['error']>

/** What is kept of an error: message, stack, code and name. */
export function serializeError(error: unknown): SerializedError {
  if (!(error instanceof Error) && !isErrorLike(error)) {
    return { message: textOf(error), name: 'Error' }
  }
  const { name, message, stack, code, expected } = error as Partial<
    Record<'name' | 'message' | 'stack' | 'code' | 'expected', unknown>
  >
  return {
    message: textOf(message),
    ...(typeof stack === 'string' && { stack }),
    // A code of a system error may be a number.
    ...((typeof code === 'string' || typeof code === 'number') && {
      code: code as string,
    }),
    ...(typeof name === 'string' && { name }),
    ...(typeof expected === 'boolean' && { expected }),
  }
}

/** The most bytes that a character of a text can need as JSON: \\u0000. */
const JSON_BYTES = 6
/** What the field names, the name and the code of an error need at most. */
const ROOM = 512

/**
 * The error in at most so many bytes of JSON. A failure that cannot be recorded
 * would leave its step running: rather lose the end of its message, and of its
 * stack before that.
 *
 * @param maxBytes 1024 at least.
 */
export function clipError(
  error: SerializedError | undefined,
  maxBytes: number
): SerializedError | undefined {
  if (error === undefined) return undefined
  if (Buffer.byteLength(JSON.stringify(error)) <= maxBytes) return error
  let left = Math.floor((maxBytes - ROOM) / JSON_BYTES)
  const take = (text: string) => {
    const kept = text.slice(0, left).toWellFormed()
    left -= kept.length
    return kept.length < text.length ? `${kept}…` : kept
  }
  const clipped: SerializedError = { ...error, message: take(error.message) }
  if (error.stack !== undefined) clipped.stack = take(error.stack)
  return clipped
}

/** Anything can be thrown, also what has no text: an object of no prototype. */
function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}

function isErrorLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'message' in value
}
