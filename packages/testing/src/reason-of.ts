/** What an unknown thrown value says, on one line: for lists of reasons and for causes of errors. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message) {
    // What node throws when every address of a host name refuses.
    return error.errors.map(reasonOf).join(', ')
  }
  const text = error instanceof Error ? error.message : String(error)
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join('; ')
}
