import type { FastifyInstance } from 'fastify'
import { ChatBody, CompletionsBody, EmbeddingsBody, ModerationsBody } from '../../../lib/dialects/chat-schema.ts'
import { checkMessages } from '../../../lib/dialects/check-messages.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import { errorBody } from '../../plugins/errors.ts'
import type { StreamWords } from '../../gateway/answer.ts'
import type { Endpoint } from '../../../lib/providers/types.ts'
import { keepBodyText } from '../../gateway/body-text.ts'
import { addSurface } from '../../gateway/surface.ts'

const words: StreamWords = {
  end: 'data: [DONE]\n\n',
  // no [DONE]: a stream that failed must not look complete
  error: (error, requestId) => `data: ${JSON.stringify(errorBody(error, 'openai', requestId))}\n\n`
}

/** OpenAI's surfaces that go straight to a provider: chat, completions, embeddings, moderations. */
export default async function inference (app: FastifyInstance): Promise<void> {
  keepBodyText(app, url => url as Endpoint)
  requireScopeOf(app, 'inference')
  addSurface(app, {
    endpoint: '/v1/chat/completions',
    summary: 'Create a chat completion',
    schema: ChatBody,
    check: body => { checkMessages(body.messages as readonly unknown[]) },
    words
  })
  addSurface(app, { endpoint: '/v1/completions', summary: 'Create a completion', schema: CompletionsBody, words })
  addSurface(app, { endpoint: '/v1/embeddings', summary: 'Create embeddings', schema: EmbeddingsBody, words })
  addSurface(app, { endpoint: '/v1/moderations', summary: 'Classify content', schema: ModerationsBody, words })
}
