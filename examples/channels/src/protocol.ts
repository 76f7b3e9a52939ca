import type { UserSession } from './stores.ts'

/** What a client says, as JSON. */
export type Request =
  /** A new session. In an application a password or a token would go along. */
  | { type: 'login'; user: string }
  /** A connection for a session that there is. */
  | { type: 'resume'; user: string }
  | { type: 'subscribe'; topic: string }
  | { type: 'publish'; topic: string; text: string }

/** What a server says, as JSON. */
export type Reply =
  | { type: 'welcome'; channelId: string }
  | { type: 'session'; session: UserSession }
  | { type: 'subscribed'; topic: string }
  | { type: 'message'; topic: string; from: string; text: string }
  | { type: 'error'; error: string }
