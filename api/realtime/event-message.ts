import type { JobEvent } from '../../lib/contracts/jobs.ts'

/** An event as Socket.IO and SSE carry it. */
export interface EventMessage {
  readonly id: string
  readonly job: string
  readonly seq: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  /** RFC 3339 */
  readonly created_at: string
}

export function toEventMessage (event: JobEvent): EventMessage {
  return { id: event.id, job: event.job, seq: event.seq, type: event.type, data: event.data, created_at: event.createdAt.toISOString() }
}
