import type { TSchema } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import type { Endpoint } from '../../lib/providers/types.ts'
import { createBodyCheck } from '../plugins/validation.ts'
import { answer, type StreamWords } from './answer.ts'

/** A way to ask for a model that goes straight to a provider: OpenAI's chat, Anthropic's messages. */
export interface Surface {
  /** Its URL too. */
  readonly endpoint: Endpoint
  readonly summary: string
  readonly schema: TSchema
  /** What the schema cannot say. Throws SiraError. */
  readonly check?: (body: Readonly<Record<string, unknown>>) => void
  readonly words: StreamWords
  /** Where the dialect's own SDK reads the id of a request, beside x-request-id. */
  readonly idHeader?: string
}

export interface AddedSurface extends Surface {
  /** Throws what the route throws for a body that is not as the schema says. */
  readonly checkBody: (body: unknown) => void
}

declare module 'fastify' {
  interface FastifyInstance {
    /** By URL; see answerDirectly. */
    surfaces: Map<string, AddedSurface>
  }
}

/** Adds the route of a surface, in a scope under /v1. */
export function addSurface (app: FastifyInstance, surface: Surface): void {
  const { endpoint, summary, schema, check, words, idHeader } = surface
  app.surfaces.set(endpoint, { ...surface, checkBody: createBodyCheck(schema) })
  app.post(endpoint.slice('/v1'.length), {
    bodyLimit: app.dependencies.config.api.bodyLimit,
    schema: { tags: ['Inference'], summary, body: schema },
    ...(idHeader === undefined
      ? {}
      : {
          onRequest: (request, reply, done) => {
            reply.raw.setHeader(idHeader, request.id) // raw: answers are written past Fastify
            done()
          }
        })
  }, async (request, reply) => {
    check?.(request.body as Readonly<Record<string, unknown>>)
    await answer(app.dependencies, endpoint, words, request, reply)
  })
}
