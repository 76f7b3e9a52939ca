/** What keys of tests look like; 31 characters are enough for the engine's suite. */
export const OLD = 'the-old-key-encryption-key-32ch!'
export const NEW = 'the-new-key-encryption-key-32ch!'
export const OTHER = 'a-key-that-nobody-was-ever-given'

/** A service on the old key, before a rotation. */
export const BEFORE = { key: OLD }
/** A service that has both keys, during a rotation. */
export const DURING = { key: NEW, keyVersion: 2, previousKey: OLD }
/** A service on the new key, after a rotation. */
export const AFTER = { key: NEW, keyVersion: 2 }

/** What a user may type. */
export const HOSTILE = [
  'a:b',
  ':',
  '*',
  '[x]',
  '{tag}',
  'with space',
  '🦆',
  '__proto__',
  'constructor',
  's',
  'kek-salt',
  'x'.repeat(4_096),
]
