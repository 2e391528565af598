import type { ProgressMessage } from '../../lib/contracts/jobs.ts'
import { SiraError } from '../../lib/errors.ts'
import { isKnownPattern } from '../../lib/domain/event-types.ts'
import type { EventMessage } from './event-message.ts'
import type { FeedMessage } from './feed-message.ts'

export interface Refusal { readonly ok: false, readonly error: { readonly code: string, readonly message: string } }
export interface Subscribed { readonly ok: true, readonly events: readonly EventMessage[], readonly progress: ProgressMessage }

/** `after` is the place in the feed up to which everything has been told: what to give after a break. */
export interface FeedSubscribed { readonly ok: true, readonly events: readonly FeedMessage[], readonly after: number }

/** What clients send; nothing of it can be trusted. */
export interface ClientMessages {
  /** `{job, after?}`, answered with Subscribed or Refusal; in /events `{after?, types?}`, answered with FeedSubscribed or Refusal. */
  subscribe: (request: unknown, answer: unknown) => void
  /** `{job}`, answered with `{ok: true}` or Refusal; in /events anything, answered with `{ok: true}`. */
  unsubscribe: (request: unknown, answer: unknown) => void
}

export interface ServerMessages {
  progress: (message: ProgressMessage) => void
  event: (message: EventMessage | FeedMessage) => void
  /** Told before the server ends the connection. */
  error: (message: { code: string, message: string }) => void
}

/** `after` is the seq of the last event or progress the client has; 0 when it has none. Throws SiraError. */
export function parseSubscribe (request: unknown): { job: string, after: number } {
  const job = parseJob(request)
  return { job, after: parseAfter(request) ?? 0 }
}

/** `after` null = from now on; types null = all. Throws SiraError. */
export function parseFeedSubscribe (request: unknown): { after: number | null, types: string[] | null } {
  const types = isObject(request) ? request.types ?? null : null
  if (types !== null && (!Array.isArray(types) || types.length < 1 || types.length > 50 || !types.every(type => typeof type === 'string' && isKnownPattern(type)))) {
    throw new SiraError('invalid_parameter', { param: 'types', reason: '1 to 50 event types, `*`, or wildcards like `batch.*` are needed.' })
  }
  return { after: parseAfter(request), types }
}

function parseAfter (request: unknown): number | null {
  const after = isObject(request) ? request.after ?? null : null
  if (after !== null && (typeof after !== 'number' || !Number.isSafeInteger(after) || after < 0)) {
    throw new SiraError('invalid_parameter', { param: 'after', reason: 'a whole number from 0 is needed.' })
  }
  return after
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

export function parseJob (request: unknown): string {
  const job = isObject(request) ? request.job : undefined
  if (job === undefined) throw new SiraError('missing_parameter', { param: 'job' })
  if (typeof job !== 'string' || !/^[\w-]{1,100}$/.test(job)) throw new SiraError('invalid_parameter', { param: 'job', reason: 'the id of a job is needed.' })
  return job
}
