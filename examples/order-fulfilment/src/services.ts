import { setSingletonServices } from '@pikku/core/ecosystem'
import type { Service } from './client.ts'

type Services = Parameters<typeof setSingletonServices>[0]
export type Rpc = Parameters<Service['runWorkflowJob']>[1]

/** What the engine asks of an application: here, a logger. */
export function provideServices(): void {
  const toStderr = (...lines: unknown[]) => console.error(...lines)
  const quiet = () => {}
  const logger = {
    info: quiet,
    debug: quiet,
    trace: quiet,
    warn: toStderr,
    error: toStderr,
    critical: toStderr,
    setLevel: quiet,
  }
  setSingletonServices({ logger, config: {} } as unknown as Services)
}

/** The steps are functions of the workflow; none is called by name. */
export const NO_RPC = {} as Rpc
