import type { FeedEvent, PayloadVersion, WebhookEndpoint } from '../contracts/webhooks.ts'

/** Bytes. Standard Webhooks asks for payloads of at most about 20 kB. */
export const MOST_PAYLOAD_BYTES = 20_000

/** How an event looks in each version. A version is never changed once endpoints are pinned to it: a change is a new one. */
const renderers: Readonly<Record<PayloadVersion, (event: FeedEvent, data: Readonly<Record<string, unknown>>, marks: object) => string>> = {
  // OpenAI's event, whose SDK reads it, with Standard Webhooks' timestamp and our sequence
  '2026-11-27': (event, data, marks) => JSON.stringify({
    id: event.id,
    object: 'event',
    type: event.type,
    created_at: Math.floor(event.createdAt.getTime() / 1000),
    timestamp: event.createdAt.toISOString(),
    sequence: event.seq,
    data,
    ...marks
  })
}

/**
 * The body that an endpoint gets for an event, JSON text of less than 20,000 bytes. A function of the event and the endpoint's
 * settings alone: every attempt sends the same bytes. `data` is `{id}`, the resource's id; with a full payload also what was
 * recorded with the event, unless that would be too long: then it is thin after all, with `"truncated": true`.
 */
export function renderPayload (event: FeedEvent, { payload, payloadVersion }: Pick<WebhookEndpoint, 'payload' | 'payloadVersion'>): string {
  const render = renderers[payloadVersion]
  const thin = { id: event.resourceId }
  if (payload === 'thin') return render(event, thin, {})
  // the resource's id wins over anything recorded under that name
  const full = render(event, { ...thin, ...event.data, ...thin }, {})
  return Buffer.byteLength(full) < MOST_PAYLOAD_BYTES ? full : render(event, thin, { truncated: true })
}
