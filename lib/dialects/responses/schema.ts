import { Type } from '@fastify/type-provider-typebox'
import { MOST_TOOLS, bool, integer, list, metadata, model, number, object, text, textOrList, textOrObject } from '../fields.ts'

/** POST /v1/responses: every field of OpenAI's schema, checked for type and range; others pass. The model is required, as only OpenAI has stored prompts that could name one. */
export const ResponsesBody = Type.Unsafe<Record<string, unknown> & { model: string, stream?: boolean | null, background?: boolean | null, store?: boolean | null, previous_response_id?: string | null }>(Type.Object({
  model: model(),
  // messages; other items have no role
  input: textOrList({ type: 'object', properties: { role: { enum: ['user', 'assistant', 'system', 'developer'] } } }, { maxItems: 100_000 }),
  instructions: text(),
  previous_response_id: text({ maxLength: 256 }),
  conversation: textOrObject(),
  background: bool(),
  store: bool(),
  stream: bool(),
  stream_options: object(),
  include: list({ type: 'string' }),
  tools: list({ type: 'object', required: ['type'], properties: { type: { type: 'string' } } }, { maxItems: MOST_TOOLS }),
  tool_choice: textOrObject(),
  parallel_tool_calls: bool(),
  max_tool_calls: integer(0),
  text: object({ properties: { format: { type: ['object', 'null'] }, verbosity: { type: ['string', 'null'] } } }),
  reasoning: object({ properties: { effort: { type: ['string', 'null'] }, summary: { type: ['string', 'null'] } } }),
  max_output_tokens: integer(16),
  temperature: number(0, 2),
  top_p: number(0, 1),
  top_logprobs: integer(0, 20),
  truncation: text({ enum: ['auto', 'disabled', null] }),
  service_tier: text(),
  metadata: metadata(),
  user: text(),
  safety_identifier: text(),
  prompt: object(),
  prompt_cache_key: text(),
  prompt_cache_retention: text(),
  prompt_cache_options: object(),
  context_management: list({ type: 'object' }),
  moderation: object()
}))
