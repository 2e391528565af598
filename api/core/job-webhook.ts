import { Type } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { PoolClient } from 'pg'
import { SiraError } from '../../lib/errors.ts'
import { endpointReach } from '../../lib/store/webhook-settings.ts'
import type { Dependencies } from '../dependencies.ts'
import { requireScope } from '../plugins/authentication.ts'
import { checkUrl, insertJobEndpoint, makeJobEndpoint, openSecret, requireKeyring, type JobEndpoint } from './webhook-endpoints.ts'

/** Fields of a request that creates a job. */
export const jobWebhookFields = {
  webhook_url: Type.Optional(Type.Union([Type.String({ maxLength: 2_048 }), Type.Null()], { description: "gets the job's events: an endpoint for this job alone. Needs the scope webhooks" })),
  webhook_secret: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()], { description: 'your own: `whsec_` and base64 of 24 to 64 bytes. Without it one is made and told in the answer' }))
}
/** In the answer to a request that has them. */
export const JobWebhookAnswer = Type.Optional(Type.Object({
  id: Type.String({ description: 'of the endpoint, for /api/v1/webhooks/{id}' }),
  secret_id: Type.String(),
  secret: Type.Union([Type.String(), Type.Null()], { description: '`whsec_…`, in this answer and its replays only; null for your own' })
}))

/** The endpoint that one request wants for its job; one that wants none too, so that routes need not tell the cases apart. */
export interface JobWebhook {
  /** null = none is wanted. */
  readonly endpoint: JobEndpoint | null
  /** Adds the endpoint in the transaction that creates the job. Returns what belongs into the stored answer, which is without the secret. */
  add: (client: PoolClient, jobId: string) => Promise<object>
  /** The answer as it goes out, with the secret. */
  reveal: (answer: { readonly body: string, readonly replayed: boolean }) => Promise<string>
  /** The part of an answer that tells of an endpoint, with its secret; a replay reads it from where it is sealed. */
  revealPart: (part: AnswerPart, replayed: boolean) => Promise<AnswerPart>
}

export interface AnswerPart { readonly id: string, readonly secret_id: string, readonly secret: string | null }

type Fields = Readonly<{ webhook_url?: unknown, webhook_secret?: unknown }>

/** `pattern`: of the job's event types. Throws what the fields can be refused for. Resolves a name, so call it before a transaction begins. */
export async function openJobWebhook (dependencies: Pick<Dependencies, 'outbound' | 'keyring' | 'pool'>, request: Pick<FastifyRequest, 'caller'>, fields: Fields, pattern: string): Promise<JobWebhook> {
  const { webhook_url: url, webhook_secret: own } = fields
  if (own != null && (typeof own !== 'string' || url == null)) throw wrong('webhook_secret', url == null ? 'it needs a webhook_url.' : 'text is needed.')
  if (url == null) return { endpoint: null, add: async () => ({}), reveal: async ({ body }) => body, revealPart: async part => part }
  if (typeof url !== 'string') throw wrong('webhook_url', 'text is needed.')
  const { caller } = request
  requireScope(request, 'webhooks')
  const { endpoint, shown } = makeJobEndpoint(requireKeyring(dependencies), { url, own: own ?? undefined, pattern })
  await checkUrl(dependencies, url, 'webhook_url')
  const revealPart: JobWebhook['revealPart'] = async (part, replayed) => {
    const secret = replayed && own == null ? await openSecret(dependencies, endpointReach(caller), part.id, part.secret_id) : shown
    return { ...part, secret }
  }
  return {
    endpoint,
    add: async (client, jobId) => await insertJobEndpoint(client, caller, endpoint, jobId),
    async reveal ({ body, replayed }) {
      const answer = JSON.parse(body) as { webhook: AnswerPart }
      return JSON.stringify({ ...answer, webhook: await revealPart(answer.webhook, replayed) })
    },
    revealPart
  }
}

function wrong (param: string, reason: string): SiraError {
  return new SiraError('invalid_parameter', { param, reason }, { param })
}
