import type { Dispatcher } from 'undici'
import type { DeliveryTrigger, FeedEvent, WebhookAttempt, WebhookEndpoint } from '../contracts/webhooks.ts'
import { post, type PostOutcome } from '../outbound/post.ts'
import { renderPayload } from './payload.ts'
import { sign } from './sign.ts'

/** Bytes of an answer that are read at most. */
export const MOST_ANSWER_BYTES = 16_384
/** Characters of a body that are kept with an attempt. */
const EXCERPT = 2_048

export interface AttemptDependencies {
  /** Of createGuardedAgent. */
  readonly agent: Dispatcher
  /** ms from the beginning to the last byte of the answer. */
  readonly deadline: number
}

export interface AttemptRequest {
  readonly endpoint: Pick<WebhookEndpoint, 'payload' | 'payloadVersion'>
  /** Newest first. */
  readonly secrets: readonly string[]
  /** Custom headers. */
  readonly headers: Readonly<Record<string, string>>
  readonly event: FeedEvent
  readonly deliveryId: string
  readonly trigger: DeliveryTrigger
  readonly number: number
  readonly url: string
  readonly signal: AbortSignal
}

/**
 * Makes one attempt: renders the event, signs it with the present time and posts it. Whatever the receiver does is an outcome. Rejects with the signal's reason when that is aborted
 * (nobody knows then what the receiver got), and with Error when a secret cannot sign. `retryAfter` is in ms.
 */
export async function attemptDelivery ({ agent, deadline }: AttemptDependencies, request: AttemptRequest): Promise<{ attempt: WebhookAttempt, retryAfter: number | null }> {
  const startedAt = new Date()
  const timestamp = Math.floor(startedAt.getTime() / 1000)
  const body = renderPayload(request.event, request.endpoint)
  const own = {
    'content-type': 'application/json',
    'user-agent': 'Sira-Webhooks/1',
    'webhook-id': request.event.id,
    'webhook-timestamp': String(timestamp)
  }
  const signature = sign(request.secrets, request.event.id, timestamp, body)
  const outcome = await postOrRefuse(agent, {
    // ours last: a custom header of the same name must not replace them
    url: request.url, headers: { ...lowerCased(request.headers), ...own, 'webhook-signature': signature }, body, deadline, maxResponseBytes: MOST_ANSWER_BYTES, signal: request.signal
  })
  const attempt: WebhookAttempt = {
    deliveryId: request.deliveryId,
    number: request.number,
    trigger: request.trigger,
    url: request.url,
    address: outcome.address,
    status: outcome.status,
    errorClass: outcome.errorClass,
    errorMessage: outcome.errorMessage,
    timing: outcome.timing,
    request: { headers: own, body: body.slice(0, EXCERPT) },
    response: outcome.status === null ? null : { headers: outcome.headers, body: outcome.body.slice(0, EXCERPT) },
    startedAt
  }
  return { attempt, retryAfter: outcome.retryAfter }
}

/** A URL or header that HTTP cannot carry is the owner's to mend, so it is an outcome as well. */
async function postOrRefuse (agent: Dispatcher, request: Parameters<typeof post>[1]): Promise<PostOutcome> {
  try {
    return await post(agent, request)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return {
      status: null,
      errorClass: 'connect',
      errorMessage: 'HTTP cannot carry this URL or these headers.',
      address: null,
      timing: { dns: null, connect: null, tls: null, firstByte: null, total: 0 },
      retryAfter: null,
      body: '',
      headers: {}
    }
  }
}

function lowerCased (headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
