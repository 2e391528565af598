import type { Logger } from '../../lib/log.ts'
import type { Refusal } from './socket-messages.ts'
import { toSiraError } from './to-sira-error.ts'

/** What a client's message is answered with when it could not be done. */
export function refusalOf (thrown: unknown, log: Pick<Logger, 'error'>): Refusal {
  const error = toSiraError(thrown)
  if (error.status >= 500) log.error({ err: thrown, code: error.code }, 'subscription failed')
  return { ok: false, error: { code: error.code, message: error.message } }
}
