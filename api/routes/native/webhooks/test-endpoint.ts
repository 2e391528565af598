import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { isSuccess } from '../../../../lib/store/webhook-tests.ts'
import { endpointReach, readEndpoint } from '../../../../lib/store/webhook-settings.ts'
import { testEndpoint } from '../../../core/test-endpoint.ts'
import { Reference, show } from '../admin/common.ts'
import { attemptResult } from './deliveries.ts'
import { absent } from './endpoints.ts'

/** Bytes of what the receiver answered. */
const MOST_EXCERPT = 1_000

const TestResult = Type.Object({
  event_id: Type.String(),
  delivery_id: Type.String({ description: 'in the log of the endpoint' }),
  success: Type.Boolean({ description: 'the receiver answered with a 2xx' }),
  ...attemptResult
})

const tests: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app

  app.post('/webhooks/test', {
    schema: {
      tags: ['Webhooks'],
      summary: 'Send a ping to an endpoint now, and see what its receiver says',
      description: 'One request to its first URL, made while the answer waits, also to a disabled endpoint. It is in the log, and counts neither for nor against the endpoint.',
      body: Type.Object({ endpoint: Reference }, { additionalProperties: false }),
      response: { 200: TestResult }
    }
  }, async ({ caller, body: { endpoint: id } }) => {
    if (await readEndpoint(dependencies.pool, endpointReach(caller), id) === null) throw absent(id)
    const result = await testEndpoint(dependencies, caller, id)
    if (result === null) throw absent(id)
    const { event, attempt: { timing, response, ...attempt } } = result
    return show(TestResult, {
      event_id: event.id,
      delivery_id: attempt.deliveryId,
      success: isSuccess(attempt),
      url: attempt.url,
      address: attempt.address,
      status: attempt.status,
      error_class: attempt.errorClass,
      error_message: attempt.errorMessage,
      timing: { dns: timing.dns, connect: timing.connect, tls: timing.tls, first_byte: timing.firstByte, total: timing.total },
      request: attempt.request,
      response: response === null ? null : { headers: response.headers, body: excerpt(response.body) },
      started_at: attempt.startedAt
    })
  })
}

/** A character that the cut would halve is left out. */
function excerpt (text: string): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, MOST_EXCERPT), { stream: true })
}

export default tests
