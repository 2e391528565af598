import { answerMessages } from '../anthropic/messages.ts'
import type { Endpoint } from '../models.ts'
import { answerGenerateContent } from '../gemini/generate-content.ts'
import { answerBatchEmbedContents } from '../gemini/batch-embed-contents.ts'
import type { Answerer } from './answer.ts'
import { answerChat } from './chat.ts'
import { answerCompletions } from './completions.ts'
import { answerEmbeddings } from './embeddings.ts'
import { answerModerations } from './moderations.ts'
import { answerResponses } from './responses.ts'

const answerers: Readonly<Record<Endpoint, Answerer>> = {
  '/v1/chat/completions': answerChat,
  '/v1/completions': answerCompletions,
  '/v1/responses': answerResponses,
  '/v1/embeddings': answerEmbeddings,
  '/v1/moderations': answerModerations,
  '/anthropic/v1/messages': answerMessages,
  generateContent: answerGenerateContent,
  batchEmbedContents: answerBatchEmbedContents
}

export const endpoints: ReadonlyMap<string, Answerer> = new Map(Object.entries(answerers))
