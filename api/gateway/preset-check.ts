import type { TSchema } from '@fastify/type-provider-typebox'
import type { FastifyError } from 'fastify'
import { ChatBody, CompletionsBody, EmbeddingsBody, ModerationsBody } from '../../lib/dialects/chat-schema.ts'
import { checkMessages } from '../../lib/dialects/check-messages.ts'
import { MessagesBody } from '../../lib/dialects/messages/schema.ts'
import { ResponsesBody } from '../../lib/dialects/responses/schema.ts'
import type { Endpoint } from '../../lib/providers/types.ts'
import { toSiraError } from '../plugins/errors.ts'
import { createBodyCheck } from '../plugins/validation.ts'

/** A preset names what it likes, so nothing is required of it. */
const partly = (schema: TSchema): (parameters: unknown) => void => createBodyCheck({ ...schema, required: [] })

const checks: Readonly<Record<Endpoint, (parameters: unknown) => void>> = {
  '/v1/chat/completions': partly(ChatBody),
  '/v1/completions': partly(CompletionsBody),
  '/v1/embeddings': partly(EmbeddingsBody),
  '/v1/moderations': partly(ModerationsBody),
  '/v1/responses': partly(ResponsesBody),
  '/v1/messages': partly(MessagesBody)
}

/**
 * Saved parameters join a request after its own body was checked, and which endpoint they are for is not known before. Throws SiraError for what
 * the endpoint would refuse in a body.
 */
export function checkPreset (endpoint: Endpoint, parameters: Readonly<Record<string, unknown>>): void {
  try {
    checks[endpoint](parameters)
  } catch (error) {
    throw toSiraError(error as FastifyError)
  }
  if (endpoint === '/v1/chat/completions' && Array.isArray(parameters.messages)) checkMessages(parameters.messages)
}
