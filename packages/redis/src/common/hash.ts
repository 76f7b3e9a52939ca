import { RedisCorruptDataError, type RedisReply } from '@pikku/redis-core'

/** A hash as Redis gives it: field, value, field, value. */
export function toFields(
  flat: RedisReply | readonly string[]
): Map<string, string> {
  const fields = new Map<string, string>()
  if (!Array.isArray(flat)) return fields
  for (let i = 0; i + 1 < flat.length; i += 2) {
    fields.set(String(flat[i]), String(flat[i + 1]))
  }
  return fields
}

/** @throws RedisCorruptDataError for a field that is missing. */
export function required(
  fields: ReadonlyMap<string, string>,
  key: string,
  field: string
): string {
  const value = fields.get(field)
  if (value === undefined) {
    throw new RedisCorruptDataError(key, field, 'it is missing')
  }
  return value
}

/** @throws RedisCorruptDataError for a field that is no number. */
export function optionalNumber(
  value: string | number | undefined,
  key: string,
  field: string
): number | undefined {
  if (value === undefined || value === '') return undefined
  const number = Number(value)
  if (!Number.isFinite(number)) {
    throw new RedisCorruptDataError(key, field, `'${value}' is not a number`)
  }
  return number
}

/** Ms since the epoch as a date. */
export function optionalDate(
  value: string | number | undefined,
  key: string,
  field: string
): Date | undefined {
  const ms = optionalNumber(value, key, field)
  return ms === undefined ? undefined : new Date(ms)
}

/** @throws RedisCorruptDataError for a time that is missing or no number. */
export function requiredDate(
  value: string | number | undefined,
  key: string,
  field: string
): Date {
  const date = optionalDate(value, key, field)
  if (date === undefined) {
    throw new RedisCorruptDataError(key, field, 'it is missing')
  }
  return date
}
