import type { ChatCompletion, ChatRequest } from '../contracts/chat.ts'
import type { Usage } from '../contracts/prices.ts'
import { chatToCompletion, completionsToChat, createCompletionsStream } from '../dialects/completions/index.ts'
import { chatToMessage, createMessagesStream, messagesToChat } from '../dialects/messages/index.ts'
import { chatToResponse, createResponsesStream, responsesToChat } from '../dialects/responses/index.ts'
import { newId } from '../ids.ts'
import type { Endpoint, StreamEvent } from '../providers/types.ts'

import { itemId, unixNow } from './responses/item-id.ts'

/** A surface that a provider does not speak, spoken through chat completions. */
export interface Translation {
  readonly chat: ChatRequest
  /** The whole answer in the surface's dialect, JSON text. */
  answer: (completion: ChatCompletion, usage: Usage | null) => object
  /** A translator of one stream: `push` takes the data of each chunk. */
  stream: () => StreamTranslator
}

export interface StreamTranslator {
  push: (data: string) => readonly StreamEvent[]
  /** `usageChunk` = the chunk that only carries usage, for a caller that asked for it by stream_options. */
  end: (usage: Usage | null, usageChunk: string | null) => readonly StreamEvent[]
}

/** Throws a SiraError when chat cannot say what the body asks. null = this surface has no translation. */
export function translate (endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Translation | null {
  const model = String(body.model)
  if (endpoint === '/v1/messages') {
    return { chat: messagesToChat(body), answer: (completion, usage) => chatToMessage(completion, model, usage), stream: () => createMessagesStream(model) }
  }
  if (endpoint === '/v1/completions') {
    return { chat: completionsToChat(body), answer: completion => chatToCompletion(completion), stream: () => createCompletionsStream() }
  }
  if (endpoint === '/v1/responses') {
    // what it continues stands in its input by now (expandRequest), and its id is given by whoever stores it
    const context = { id: newId('response'), createdAt: unixNow(), request: body, newId: itemId, now: unixNow }
    return {
      chat: responsesToChat(body, []),
      answer: (completion, usage) => chatToResponse({ ...context, completion, usage }),
      stream: () => createResponsesStream(context)
    }
  }
  return null
}
