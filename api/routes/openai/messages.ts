import type { FastifyInstance } from 'fastify'
import { MessagesBody } from '../../../lib/dialects/messages/schema.ts'
import { errorBody } from '../../plugins/errors.ts'
import { requireScope } from '../../plugins/authentication.ts'
import { answer, type StreamWords } from '../../gateway/answer.ts'
import { keepBodyText } from '../../gateway/body-text.ts'

const words: StreamWords = {
  end: '', // message_stop, an event, is the end
  error: (error, requestId) => `event: error\ndata: ${JSON.stringify(errorBody(error, 'anthropic', requestId))}\n\n`
}

/** Anthropic's messages, so that its SDK works here too, with any model. */
export default async function messages (app: FastifyInstance): Promise<void> {
  keepBodyText(app, () => '/v1/messages')
  app.addHook('onRequest', async request => { requireScope(request, 'inference') })
  // Anthropic's SDK reads the id here
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.setHeader('request-id', request.id) // raw: streams are written past Fastify
    done()
  })
  app.post('/messages', { schema: { tags: ['Inference'], summary: 'Create a message (Anthropic)', body: MessagesBody } },
    async (request, reply) => await answer(app.dependencies, '/v1/messages', words, request, reply))
}
