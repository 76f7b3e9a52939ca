import { LocalSecretService, type SecretValues } from '@pikku/core/services'

/** A secret that only `reveal()` shows. */
export type SecretValue<T> = SecretValues<{ value: T }>['value']

type SecretValueClass = new <T>(value: T) => SecretValue<T>

/** How the engine knows one, from whichever copy of it. */
const MARKER = Symbol.for('pikku.secretValue')

let secretValueClass: Promise<SecretValueClass> | undefined

/**
 * The engine's own class of secret values. Its root exports it, and later
 * versions have no root; a value that one of its services makes has it in
 * every version.
 */
async function findClass(): Promise<SecretValueClass> {
  const service = new LocalSecretService()
  await service.setSecret('x', 'x')
  const value = await service.getSecret('x')
  return value.constructor as SecretValueClass
}

export async function toSecretValue<T>(value: T): Promise<SecretValue<T>> {
  const Class = await (secretValueClass ??= findClass())
  return new Class(value)
}

export function isSecretValue(value: unknown): value is SecretValue<unknown> {
  return typeof value === 'object' && value !== null && MARKER in value
}
