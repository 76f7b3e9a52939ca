import { CredentialKeys, SecretKeys } from '@pikku/redis-core'
import { inject } from 'vitest'
import { type Client, connectionOf } from '../clients.js'

/** What the secret service and the credential service have in common. */
export interface Encrypting {
  close(): Promise<void>
  write(n: number, value: unknown): Promise<void>
  /** `undefined` if there is none. */
  read(n: number): Promise<unknown>
  remove(n: number): Promise<void>
  rotateKEK(): Promise<number>
  service: object
}

export interface Kind {
  readonly kind: string
  open(
    client: Client,
    keyPrefix: string,
    options: object,
    connection?: unknown
  ): Encrypting
  /** Where number `n` is: a hash, and its fields. */
  placeOf(
    keyPrefix: string,
    n: number
  ): { key: string; ciphertext: string; wrappedDek: string; keyVersion: string }
  saltsKey(keyPrefix: string): string
  /** How an error has number `n`. */
  entryOf(n: number): { name: string; userId?: string }
}

const secret = (n: number) => `secret-${n}`
/** Two names for each user, and every seventh is the platform's. */
const credential = (n: number): [string, string | undefined] => [
  `credential-${n}`,
  n % 7 === 0 ? undefined : `user-${n >> 1}`,
]
const topology = () =>
  inject('redisCluster').length > 0 ? 'cluster' : 'single'
const secretKeys = (prefix: string) => new SecretKeys(prefix, topology())
const credentialKeys = (prefix: string) =>
  new CredentialKeys(prefix, topology())

const SECRETS: Kind = {
  kind: 'secrets',
  open(client, keyPrefix, options, connection = connectionOf(client)) {
    const service = new client.entry.RedisSecretService(connection, {
      keyPrefix,
      ...options,
    })
    return {
      service,
      close: () => service.close(),
      write: (n, value) => service.setSecret(secret(n), value),
      read: async (n) =>
        (await service.getSecrets([secret(n)]))[secret(n)]?.reveal(),
      remove: (n) => service.deleteSecret(secret(n)),
      rotateKEK: () => service.rotateKEK(),
    }
  },
  placeOf: (keyPrefix, n) => ({
    key: secretKeys(keyPrefix).secretKey(secret(n)),
    ciphertext: 'ciphertext',
    wrappedDek: 'wrapped_dek',
    keyVersion: 'key_version',
  }),
  saltsKey: (keyPrefix) => secretKeys(keyPrefix).saltsKey(),
  entryOf: (n) => ({ name: secret(n) }),
}

const CREDENTIALS: Kind = {
  kind: 'credentials',
  open(client, keyPrefix, options, connection = connectionOf(client)) {
    const service = new client.entry.RedisCredentialService(connection, {
      keyPrefix,
      ...options,
    })
    return {
      service,
      close: () => service.close(),
      write: (n, value) => {
        const [name, user] = credential(n)
        return service.set(name, value, user)
      },
      read: async (n) => (await service.get(...credential(n))) ?? undefined,
      remove: (n) => service.delete(...credential(n)),
      rotateKEK: () => service.rotateKEK(),
    }
  },
  placeOf(keyPrefix, n) {
    const [name, user] = credential(n)
    return {
      key: credentialKeys(keyPrefix).credentialsKey(user),
      ciphertext: `ciphertext:${name}`,
      wrappedDek: `wrapped_dek:${name}`,
      keyVersion: `key_version:${name}`,
    }
  },
  saltsKey: (keyPrefix) => credentialKeys(keyPrefix).saltsKey(),
  entryOf(n) {
    const [name, userId] = credential(n)
    return userId === undefined ? { name } : { name, userId }
  },
}

export const KINDS = [SECRETS, CREDENTIALS]
