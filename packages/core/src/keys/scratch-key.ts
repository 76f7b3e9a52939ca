/**
 * A key for the time of one script. It begins with another one, so that who may
 * use that one may use it, and is in the same slot of a cluster. Undefined for
 * a key in a cluster whose braces are in the way of a hash tag.
 */
export function scratchKey(
  key: string,
  topology: 'single' | 'cluster'
): string | undefined {
  const hasTag = /^[^{]*\{[^}]+\}/.test(key)
  if (hasTag || topology === 'single') return `${key}:scratch`
  return /[{}]/.test(key) ? undefined : `${key}:scratch{${key}}`
}
