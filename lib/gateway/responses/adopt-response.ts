import type { StreamEvent } from '../../providers/types.ts'

/** What a response has of us and not of the provider that served it. */
export interface Identity {
  readonly id: string
  readonly previousResponseId: string | null
  readonly store: boolean
  readonly background: boolean
}

export type ResponseObject = Readonly<Record<string, unknown>> & { readonly id: string, readonly status: string }
export type EndedResponse = ResponseObject & { readonly status: 'completed' | 'incomplete' | 'failed' }

/** The provider's response object as ours. */
export function adoptResponse (response: Readonly<Record<string, unknown>>, { id, previousResponseId, store, background }: Identity): ResponseObject {
  return { ...response, id, status: String(response.status), previous_response_id: previousResponseId, store, background }
}

// in a text the quotes would be escaped; some servers write a space after the colon
const carriesResponse = /"response"\s*:\s*\{/
const terminal: ReadonlyMap<string, EndedResponse['status']> = new Map([
  ['response.completed', 'completed'], ['response.incomplete', 'incomplete'], ['response.failed', 'failed']
])

/**
 * An event with our response object in it. Only the few events that carry one are parsed. `response` is that of a terminal
 * event, after which nothing comes; its status is the event's word, whatever the provider wrote in it.
 */
export function adoptEvent ({ name, data }: StreamEvent, identity: Identity): { event: StreamEvent, response: EndedResponse | null } {
  if (!carriesResponse.test(data)) return { event: { name, data }, response: null }
  const event = JSON.parse(data) as { type?: string, response?: Record<string, unknown> | null }
  if (typeof event.response !== 'object' || event.response === null) return { event: { name, data }, response: null }
  const type = event.type ?? name ?? ''
  const status = terminal.get(type)
  const adopted = adoptResponse(event.response, identity)
  const response = status === undefined ? null : { ...adopted, status }
  return { event: { name: type, data: JSON.stringify({ ...event, response: response ?? adopted }) }, response }
}
