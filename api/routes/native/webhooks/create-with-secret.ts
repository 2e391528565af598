import type { Static } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { PoolClient } from 'pg'
import { endpointReach, type EndpointRow } from '../../../../lib/store/webhook-settings.ts'
import { openSecret } from '../../../core/webhook-endpoints.ts'
import type { Dependencies } from '../../../dependencies.ts'
import { createOnce } from '../../../plugins/idempotency.ts'
import { show } from '../admin/common.ts'
import { EndpointWithSecret } from './endpoint-schemas.ts'

/**
 * Makes a secret, with its endpoint or for it, at most once per Idempotency-Key and answers 201. The stored answer is without the secret: a
 * replay reads it from where it is sealed, as long as it is there. `own`: the caller's, which is never told.
 */
export async function createWithSecret (
  dependencies: Dependencies, request: FastifyRequest, reply: FastifyReply, own: string | undefined, make: (client: PoolClient) => Promise<{ row: EndpointRow, shown: string | null }>
): Promise<Static<typeof EndpointWithSecret>> {
  let secret: string | null = null
  const answer = await createOnce(dependencies.pool, request, reply, async client => {
    const { row, shown } = await make(client)
    secret = shown
    return { status: 201, headers: {}, body: JSON.stringify(show(EndpointWithSecret, { ...row, secret: null })) }
  })
  const row = JSON.parse(answer.body) as Static<typeof EndpointWithSecret>
  if (answer.replayed && own === undefined && row.signature === 'hmac') secret = await openSecret(dependencies, endpointReach(request.caller), row.id, row.secrets[0]!.id)
  return { ...row, secret }
}
