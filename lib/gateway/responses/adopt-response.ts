import type { StreamEvent } from '../../providers/types.ts'

/** What a response has of us and not of the provider that served it. */
export interface Identity {
  readonly id: string
  readonly previousResponseId: string | null
  readonly store: boolean
  readonly background: boolean
}

export type ResponseObject = Readonly<Record<string, unknown>> & { readonly id: string, readonly status: string }

/** The provider's response object as ours. */
export function adoptResponse (response: Readonly<Record<string, unknown>>, { id, previousResponseId, store, background }: Identity): ResponseObject {
  return { ...response, id, status: String(response.status), previous_response_id: previousResponseId, store, background }
}

// in a text the quotes would be escaped; some servers write a space after the colon
const carriesResponse = /"response"\s*:\s*\{/
const terminal: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete', 'response.failed'])

/**
 * An event with our response object in it. Only the few events that carry one are parsed. `response` is that of a terminal
 * event, after which nothing comes.
 */
export function adoptEvent ({ name, data }: StreamEvent, identity: Identity): { event: StreamEvent, response: ResponseObject | null } {
  if (!carriesResponse.test(data)) return { event: { name, data }, response: null }
  const event = JSON.parse(data) as { type?: string, response?: Record<string, unknown> | null }
  if (typeof event.response !== 'object' || event.response === null) return { event: { name, data }, response: null }
  const response = adoptResponse(event.response, identity)
  const type = event.type ?? name ?? ''
  return { event: { name: type, data: JSON.stringify({ ...event, response }) }, response: terminal.has(type) ? response : null }
}
