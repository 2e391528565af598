import type { FastifyInstance } from 'fastify'
import { MessagesBody } from '../../../lib/dialects/messages/schema.ts'
import { errorBody } from '../../plugins/errors.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import type { StreamWords } from '../../gateway/answer.ts'
import { keepBodyText } from '../../gateway/body-text.ts'
import { addSurface } from '../../gateway/surface.ts'

const words: StreamWords = {
  end: '', // message_stop, an event, is the end
  error: (error, requestId) => `event: error\ndata: ${JSON.stringify(errorBody(error, 'anthropic', requestId))}\n\n`
}

/** Anthropic's messages, so that its SDK works here too, with any model. */
export default async function messages (app: FastifyInstance): Promise<void> {
  keepBodyText(app, () => '/v1/messages')
  requireScopeOf(app, 'inference')
  addSurface(app, { endpoint: '/v1/messages', summary: 'Create a message (Anthropic)', schema: MessagesBody, words, idHeader: 'request-id' })
}
