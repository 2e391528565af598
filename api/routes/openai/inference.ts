import type { FastifyInstance } from 'fastify'
import { ChatBody, CompletionsBody, EmbeddingsBody, ModerationsBody } from '../../../lib/dialects/chat-schema.ts'
import { checkMessages } from '../../../lib/dialects/check-messages.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import { errorBody } from '../../plugins/errors.ts'
import { answer, type StreamWords } from '../../gateway/answer.ts'
import type { Endpoint } from '../../../lib/providers/types.ts'
import { keepBodyText } from '../../gateway/body-text.ts'

const words: StreamWords = {
  end: 'data: [DONE]\n\n',
  // no [DONE]: a stream that failed must not look complete
  error: (error, requestId) => `data: ${JSON.stringify(errorBody(error, 'openai', requestId))}\n\n`
}

/** OpenAI's surfaces that go straight to a provider: chat, completions, embeddings, moderations. */
export default async function inference (app: FastifyInstance): Promise<void> {
  keepBodyText(app, url => url as Endpoint)
  requireScopeOf(app, 'inference')
  const { dependencies } = app
  const tags = ['Inference']

  app.post<{ Body: { messages: readonly unknown[] } }>('/chat/completions', { schema: { tags, summary: 'Create a chat completion', body: ChatBody } }, (request, reply) => {
    checkMessages(request.body.messages)
    return answer(dependencies, '/v1/chat/completions', words, request, reply)
  })
  app.post('/completions', { schema: { tags, summary: 'Create a completion', body: CompletionsBody } },
    async (request, reply) => await answer(dependencies, '/v1/completions', words, request, reply))
  app.post('/embeddings', { schema: { tags, summary: 'Create embeddings', body: EmbeddingsBody } },
    async (request, reply) => await answer(dependencies, '/v1/embeddings', words, request, reply))
  app.post('/moderations', { schema: { tags, summary: 'Classify content', body: ModerationsBody } },
    async (request, reply) => await answer(dependencies, '/v1/moderations', words, request, reply))
}
