import type { WorkflowRun } from '@pikku/core/workflow'

/** Derived, because the package moves the type itself from version to version. */
export type SerializedError = NonNullable<WorkflowRun['error']>

/** What is kept of an error: message, stack, code and name. */
export function serializeError(error: unknown): SerializedError {
  if (!(error instanceof Error) && !isErrorLike(error)) {
    return { message: String(error), name: 'Error' }
  }
  const { name, message, stack, code, expected } = error as Partial<
    Record<'name' | 'message' | 'stack' | 'code' | 'expected', unknown>
  >
  return {
    message: String(message),
    ...(typeof stack === 'string' && { stack }),
    // A code of a system error may be a number.
    ...((typeof code === 'string' || typeof code === 'number') && {
      code: code as string,
    }),
    ...(typeof name === 'string' && { name }),
    ...(typeof expected === 'boolean' && { expected }),
  }
}

function isErrorLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'message' in value
}
