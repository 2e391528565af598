import type { Static } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { ResponsesBody } from '../../lib/dialects/responses/schema.ts'
import { SiraError } from '../../lib/errors.ts'
import { largeBody } from '../../lib/gateway/large-body/index.ts'
import { readEarlierItems } from '../../lib/gateway/responses/earlier-items.ts'
import type { OutboxEntry } from '../../lib/store/outbox.ts'
import type { JobWebhook } from '../core/job-webhook.ts'
import { acceptResponse, responseText } from '../core/responses.ts'
import type { Dependencies } from '../dependencies.ts'
import { onceOf, runOnce } from '../plugins/idempotency.ts'
import { acceptLarge, ownerOf, toBuffer } from './large-response/index.ts'
import type { Accepted } from './large-response/thread.ts'

type Body = Static<typeof ResponsesBody>

/**
 * Stores a background response once, with the endpoint that is told of it and the promise to start it; in a thread, when it or what it continues is
 * large. Threads have no keys to seal a secret with, so that a large one has no endpoint of its own.
 */
export async function acceptBackground (dependencies: Dependencies, request: FastifyRequest, body: Body, webhook: JobWebhook): Promise<Omit<Accepted, 'text'> & { readonly text: string | Buffer }> {
  const { pool, config: { databaseUrl } } = dependencies
  const once = onceOf(request)
  const owner = ownerOf(request.caller)
  if (request.largeBody !== null || await continuesLarge(dependencies, request, body)) {
    if (webhook.isWanted) throw new SiraError('invalid_parameter', { param: 'webhook_url', reason: 'a request or a conversation above 1 MiB cannot have it. Make an endpoint at /api/v1/webhooks.' })
    const { text, bulk } = request.largeBody ?? { text: null, bulk: [] }
    const accepted = await acceptLarge({ databaseUrl, owner, once, body: { small: body, bulk } }, text)
    return { ...accepted, text: toBuffer(accepted.text) }
  }
  let start: OutboxEntry | null = null
  const answer = await runOnce(pool, { ...once, content: JSON.stringify(request.body) }, async client => {
    const accepted = await acceptResponse(client, owner, body)
    start = accepted.start
    const told = await webhook.add(client, accepted.record.id)
    const text = responseText(accepted.record)
    return { status: 200, headers: {}, body: webhook.isWanted ? JSON.stringify({ ...JSON.parse(text) as object, ...told }) : text }
  })
  return { answer, id: (JSON.parse(answer.body) as { id: string }).id, text: answer.body, start }
}

async function continuesLarge ({ pool }: Dependencies, { caller }: FastifyRequest, body: Body): Promise<boolean> {
  try {
    return await readEarlierItems(pool, caller, body, largeBody) === null
  } catch (error) {
    // refused, if at all, in the transaction: the same request may have been accepted when it was there
    if (error instanceof SiraError) return false
    throw error
  }
}
