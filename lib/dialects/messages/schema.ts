import { Type } from '@fastify/type-provider-typebox'
import { bool, conversation, integer, list, model, number, object, text, textOrList } from '../fields.ts'

/** POST /v1/messages: every field of Anthropic's schema, checked for type and range; others pass. Anthropic takes more tools than OpenAI, as it can search them. */
export const MessagesBody = Type.Unsafe<Record<string, unknown> & { model: string, max_tokens: number, stream?: boolean | null }>(Type.Object({
  model: model(),
  max_tokens: Type.Integer({ minimum: 0 }),
  messages: conversation(['user', 'assistant', 'system']),
  system: textOrList({ type: 'object' }),
  stream: bool(),
  temperature: number(0, 1),
  top_p: number(0, 1),
  top_k: integer(0),
  stop_sequences: list({ type: 'string' }, { maxItems: 8192 }),
  tools: list({ type: 'object' }, { maxItems: 1024 }),
  tool_choice: object({ required: ['type'], properties: { type: { type: 'string' } } }),
  thinking: object({ required: ['type'], properties: { type: { type: 'string' } } }),
  output_config: object(),
  metadata: object({ properties: { user_id: { type: ['string', 'null'] } } }),
  service_tier: text(),
  speed: text(),
  cache_control: object(),
  container: Type.Optional(Type.Unsafe<unknown>({ type: ['string', 'object', 'null'] })),
  context_management: object(),
  diagnostics: object(),
  inference_geo: text(),
  mcp_servers: list({ type: 'object' }),
  user_profile_id: text(),
  workspace_id: text()
}))
