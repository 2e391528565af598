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

export interface AcceptedBackground extends Pick<Accepted, 'answer' | 'id' | 'start'> {
  /** JSON, as it goes out. */
  readonly text: string | Buffer
}

/** Stores a background response once, with the endpoint that is told of it and the promise to start it; in a thread, when it or what it continues is large. */
export async function acceptBackground (dependencies: Dependencies, request: FastifyRequest, body: Body, webhook: JobWebhook): Promise<AcceptedBackground> {
  const { pool, config: { databaseUrl } } = dependencies
  const once = onceOf(request)
  const owner = ownerOf(request.caller)
  if (request.largeBody !== null || await continuesLarge(dependencies, request, body)) {
    const { text, bulk } = request.largeBody ?? { text: null, bulk: [] }
    const { text: stored, webhook: part, ...accepted } = await acceptLarge({ databaseUrl, owner, once, body: { small: body, bulk }, endpoint: webhook.endpoint }, text)
    return { ...accepted, text: part === null ? toBuffer(stored) : withField(toBuffer(stored), 'webhook', await webhook.revealPart(part, accepted.answer.replayed)) }
  }
  let start: OutboxEntry | null = null
  const answer = await runOnce(pool, { ...once, content: JSON.stringify(request.body) }, async client => {
    const accepted = await acceptResponse(client, owner, body)
    start = accepted.start
    const told = await webhook.add(client, accepted.record.id)
    const text = responseText(accepted.record)
    return { status: 200, headers: {}, body: webhook.endpoint === null ? text : JSON.stringify({ ...JSON.parse(text) as object, ...told }) }
  })
  return { answer, id: (JSON.parse(answer.body) as { id: string }).id, text: await webhook.reveal(answer), start }
}

/** A large JSON object with one field more, which is not read and written anew for it. */
function withField (object: Buffer, name: string, value: object): Buffer {
  return Buffer.concat([object.subarray(0, object.lastIndexOf('}')), Buffer.from(`,${JSON.stringify(name)}:${JSON.stringify(value)}}`)])
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
