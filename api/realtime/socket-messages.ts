import type { ProgressMessage } from '../../lib/contracts/jobs.ts'
import { SiraError } from '../../lib/errors.ts'
import type { EventMessage } from './event-message.ts'

export interface Refusal { readonly ok: false, readonly error: { readonly code: string, readonly message: string } }
export interface Subscribed { readonly ok: true, readonly events: readonly EventMessage[], readonly progress: ProgressMessage }

/** What clients send; nothing of it can be trusted. */
export interface ClientMessages {
  /** `{job, after?}`, answered with Subscribed or Refusal. */
  subscribe: (request: unknown, answer: unknown) => void
  /** `{job}`, answered with `{ok: true}` or Refusal. */
  unsubscribe: (request: unknown, answer: unknown) => void
}

export interface ServerMessages {
  progress: (message: ProgressMessage) => void
  event: (message: EventMessage) => void
  /** Told before the server ends the connection. */
  error: (message: { code: string, message: string }) => void
}

/** `after` is the seq of the last event or progress the client has; 0 when it has none. Throws SiraError. */
export function parseSubscribe (request: unknown): { job: string, after: number } {
  const job = parseJob(request)
  const after = (request as { after?: unknown }).after ?? 0
  if (typeof after !== 'number' || !Number.isSafeInteger(after) || after < 0) {
    throw new SiraError('invalid_parameter', { param: 'after', reason: 'a whole number from 0 is needed.' })
  }
  return { job, after }
}

export function parseJob (request: unknown): string {
  const job = typeof request === 'object' && request !== null ? (request as { job?: unknown }).job : undefined
  if (job === undefined) throw new SiraError('missing_parameter', { param: 'job' })
  if (typeof job !== 'string' || !/^[\w-]{1,100}$/.test(job)) throw new SiraError('invalid_parameter', { param: 'job', reason: 'the id of a job is needed.' })
  return job
}
