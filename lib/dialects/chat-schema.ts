import { Type } from '@fastify/type-provider-typebox'
import type { ChatRequest } from '../contracts/chat.ts'
import { MOST_TOOLS, bool, conversation, integer, list, metadata, model, number, object, text, textOrList, textOrObject } from './fields.ts'

// The bodies of OpenAI's older endpoints: every field of its schema (openai/openai-openapi), checked for type and range; fields it
// does not name pass. They must never refuse what OpenAI takes, so where its documents and its behaviour differ the wider one counts.

type OpenObject<Known> = Known & Record<string, unknown>

const sampling = {
  temperature: number(0, 2),
  top_p: number(0, 1),
  presence_penalty: number(-2, 2),
  frequency_penalty: number(-2, 2),
  n: integer(1, 128),
  stop: textOrList({ type: 'string' }, { maxItems: 4 }),
  logit_bias: object({ additionalProperties: { type: 'number', minimum: -100, maximum: 100 } })
}

/** What many others have beside OpenAI's sampling. A field of another type would be left out by a translation in silence. */
const furtherSampling = { top_k: integer(-1), min_p: number(0, 1), top_a: number(0, 1), repetition_penalty: number(0, 10) }

/** POST /v1/chat/completions. Follow it with `checkMessages`. */
export const ChatBody = Type.Unsafe<ChatRequest>(Type.Object({
  model: model(),
  messages: conversation(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  stream: bool(),
  stream_options: object({ properties: { include_usage: { type: ['boolean', 'null'] }, include_obfuscation: { type: ['boolean', 'null'] } } }),
  ...sampling,
  ...furtherSampling,
  seed: Type.Optional(Type.Unsafe<number | null>({ type: ['integer', 'null'] })),
  max_completion_tokens: integer(1),
  max_tokens: integer(1),
  logprobs: bool(),
  top_logprobs: integer(0, 20),
  tools: list({ type: 'object' }, { maxItems: MOST_TOOLS }),
  tool_choice: textOrObject(),
  parallel_tool_calls: bool(),
  functions: list({ type: 'object' }, { maxItems: MOST_TOOLS }),
  function_call: textOrObject(),
  response_format: object({ required: ['type'], properties: { type: { enum: ['text', 'json_object', 'json_schema', 'grammar', 'python'] } } }),
  reasoning_effort: text(),
  verbosity: text(),
  service_tier: text(),
  modalities: list({ type: 'string' }),
  audio: object(),
  prediction: object(),
  web_search_options: object(),
  moderation: object(),
  store: bool(),
  metadata: metadata(),
  user: text(),
  safety_identifier: text(),
  prompt_cache_key: text(),
  prompt_cache_retention: text(),
  prompt_cache_options: object()
}))

/** POST /v1/completions. */
export const CompletionsBody = Type.Unsafe<OpenObject<{ model: string, prompt?: unknown, stream?: boolean | null }>>(Type.Object({
  model: model(),
  prompt: textOrList({ type: ['string', 'integer', 'array'] }),
  ...sampling,
  ...furtherSampling,
  best_of: integer(0, 20),
  echo: bool(),
  logprobs: integer(0, 5),
  max_tokens: integer(0),
  seed: Type.Optional(Type.Unsafe<number | null>({ type: ['integer', 'null'] })),
  stream: bool(),
  stream_options: object(),
  suffix: text(),
  user: text()
}))

/**
 * POST /v1/embeddings. At most 2,048 inputs. One input given as its tokens may be longer than that: OpenAI's documents say no,
 * its service takes up to the model's 8,192.
 */
export const EmbeddingsBody = Type.Unsafe<OpenObject<{ model: string, input: string | readonly unknown[], encoding_format?: 'float' | 'base64' | null }>>(Type.Object({
  model: model(),
  input: Type.Unsafe<string | unknown[]>({
    type: ['string', 'array'],
    minItems: 1,
    items: { type: ['string', 'integer', 'array', 'object'] },
    if: { type: 'array', items: { type: 'integer' } },
    then: { maxItems: 100_000 },
    else: { maxItems: 2048 }
  }),
  encoding_format: text({ enum: ['float', 'base64', null] }),
  dimensions: integer(1),
  user: text()
}))

/** POST /v1/moderations. */
export const ModerationsBody = Type.Unsafe<OpenObject<{ model?: string | null, input: string | readonly unknown[] }>>(Type.Object({
  model: text({ minLength: 1, maxLength: 512 }),
  input: Type.Unsafe<string | unknown[]>({ type: ['string', 'array'], maxItems: 2048, items: { type: ['string', 'object'] } })
}))
