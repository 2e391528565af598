import type { Pool } from 'pg'
import type { Dispatcher } from 'undici'
import type { Config } from '../../lib/config.ts'
import type { Keyring } from '../../lib/crypto/seal.ts'
import type { Logger } from '../../lib/log.ts'

/** What the worker wires into the webhook activities. */
export interface WebhookDependencies {
  readonly config: Pick<Config, 'webhooks' | 'worker'>
  readonly pool: Pool
  /** Of createGuardedAgent: the only way out. */
  readonly agent: Dispatcher
  readonly keyring: Keyring | null
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** This process's id in the worker table. */
  readonly workerId: string
}
