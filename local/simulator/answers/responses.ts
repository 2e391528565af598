import { countMessageTokens, countTokens } from '../tokens.ts'
import type { Usage } from '../tokens.ts'
import { textPieces } from '../text.ts'
import { asciiJson, refuse, refuseMissing, wholeNumber } from './answer.ts'
import type { AnswerContext, Answerer, JsonObject } from './answer.ts'
import { generate } from './generation.ts'

/** POST /v1/responses, not in the background; nothing is stored. */
export const answerResponses: Answerer = (body, context) => {
  const input = body['input']
  if (input === undefined) return refuseMissing('input')
  if (typeof input !== 'string' && !(Array.isArray(input) && input.length > 0)) return refuse('input', 'Expected a text or a list of items.')
  if (body['background'] === true) return refuse('background', 'The simulator does not run responses in the background.')
  const maxTokens = wholeNumber(body['max_output_tokens'], Infinity, 16, 1_000_000)
  if (Number.isNaN(maxTokens)) return refuse('max_output_tokens', 'Expected a whole number from 16 to 1000000.')

  const instructions = typeof body['instructions'] === 'string' ? body['instructions'] : null
  const promptTokens = (instructions === null ? 0 : countTokens(instructions)) +
    (typeof input === 'string' ? countTokens(input) : countMessageTokens(input))
  const { choices: [choice], usage } = generate(context, promptTokens, 1, maxTokens)
  const response = responseObject(body, context, instructions)
  const items = outputItems(context, choice!.text)
  const final = {
    ...response,
    status: choice!.cut ? 'incomplete' : 'completed',
    incomplete_details: choice!.cut ? { reason: 'max_output_tokens' } : null,
    completed_at: context.created,
    output: items,
    usage: usageObject(usage)
  }
  if (body['stream'] !== true) return { kind: 'whole', usage, json: asciiJson(final) }
  return { kind: 'stream', usage, events: events(response, items, choice!.text, final) }
}

interface MessageItem { readonly id: string, readonly type: 'message', readonly [key: string]: unknown }
interface ReasoningItem { readonly id: string, readonly type: 'reasoning', readonly summary: readonly unknown[] }
type OutputItem = MessageItem | ReasoningItem

function outputItems (context: AnswerContext, text: string): OutputItem[] {
  const message: MessageItem = { id: `msg_sim_${context.id}`, type: 'message', status: 'completed', role: 'assistant', content: [textPart(text)] }
  return context.model.reasoning ? [{ id: `rs_sim_${context.id}`, type: 'reasoning', summary: [] }, message] : [message]
}

function textPart (text: string): Record<string, unknown> {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

/** The event sequence of the Responses API; each event has its type and a running number. */
function events (response: JsonObject, items: readonly OutputItem[], text: string, final: JsonObject & { status: string }): string[] {
  const frames: string[] = []
  const push = (type: string, fields: JsonObject): void => {
    frames.push(`event: ${type}\ndata: ${asciiJson({ type, sequence_number: frames.length, ...fields })}\n\n`)
  }
  push('response.created', { response })
  push('response.in_progress', { response })
  items.forEach((item, index) => {
    if (item.type === 'reasoning') {
      push('response.output_item.added', { output_index: index, item })
    } else {
      const place = { item_id: item.id, output_index: index, content_index: 0 }
      push('response.output_item.added', { output_index: index, item: { ...item, status: 'in_progress', content: [] } })
      push('response.content_part.added', { ...place, part: textPart('') })
      for (const delta of textPieces(text)) push('response.output_text.delta', { ...place, delta, logprobs: [] })
      push('response.output_text.done', { ...place, text, logprobs: [] })
      push('response.content_part.done', { ...place, part: textPart(text) })
    }
    push('response.output_item.done', { output_index: index, item })
  })
  push(`response.${final.status}`, { response: final })
  return frames
}

function usageObject (usage: Usage): Record<string, unknown> {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.promptTokens + usage.completionTokens
  }
}

/** A response that has just begun. */
function responseObject (body: JsonObject, context: AnswerContext, instructions: string | null): JsonObject {
  return {
    id: `resp_sim_${context.id}`,
    object: 'response',
    created_at: context.created,
    completed_at: null,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions,
    max_output_tokens: body['max_output_tokens'] ?? null,
    max_tool_calls: null,
    model: context.model.id,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: body['previous_response_id'] ?? null,
    reasoning: { effort: null, summary: null },
    frequency_penalty: 0,
    presence_penalty: 0,
    service_tier: 'default',
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_logprobs: 0,
    top_p: body['top_p'] ?? 1,
    truncation: 'disabled',
    usage: null,
    metadata: body['metadata'] ?? {}
  }
}
