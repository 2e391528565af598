import type { ChatCompletion, FinishReason } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import { SiraError } from '../../errors.ts'
import { isFields, type Fields } from '../faults.ts'
import { thoughtOf } from '../thought.ts'
import type { FunctionCallItem, MessageItem, NewId, OutputItem, ReasoningItem } from './items.ts'
import type { ResponseError } from './error.ts'
import { sealThinking } from './thinking.ts'

/** What a response is made from besides its answer. */
export interface ResponseContext {
  readonly id: string
  /** Unix seconds. */
  readonly createdAt: number
  /** The body of POST /v1/responses, which a response repeats. */
  readonly request: Fields
  readonly newId: NewId
  /** Unix seconds. */
  readonly now: () => number
}

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled'

interface ResponseState {
  readonly status: ResponseStatus
  readonly output?: readonly OutputItem[]
  readonly usage?: Usage | null
  readonly error?: ResponseError | null
  readonly incomplete?: IncompleteReason | null
  /** What the provider said; null = it did not. */
  readonly serviceTier?: unknown
}

export type IncompleteReason = 'max_output_tokens' | 'content_filter'

export type ResponseObject = ReturnType<typeof responseObject>

/**
 * A Response with every key of the specification: those that must not be null have OpenAI's defaults. Also for one that has not
 * begun (`queued`) or came to no answer (`failed`, `cancelled`).
 */
export function responseObject ({ id, createdAt, request, now }: Omit<ResponseContext, 'newId'>, state: ResponseState) {
  const { reasoning, text } = request
  return {
    id,
    object: 'response' as const,
    created_at: createdAt,
    status: state.status,
    background: request.background === true,
    completed_at: state.status === 'completed' ? now() : null,
    error: state.error ?? null,
    incomplete_details: state.incomplete ? { reason: state.incomplete } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: request.max_tool_calls ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    output: state.output ?? [],
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    presence_penalty: 0,
    frequency_penalty: 0,
    previous_response_id: request.previous_response_id ?? null,
    conversation: null,
    prompt: null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    prompt_cache_retention: request.prompt_cache_retention ?? null,
    reasoning: isFields(reasoning) ? { effort: null, summary: null, ...reasoning } : { effort: null, summary: null },
    safety_identifier: request.safety_identifier ?? null,
    service_tier: serviceTier(state.serviceTier, request.service_tier),
    store: request.store ?? true,
    temperature: request.temperature ?? 1,
    text: { format: { type: 'text' }, ...(isFields(text) ? text : {}) },
    tool_choice: request.tool_choice ?? 'auto',
    tools: Array.isArray(request.tools) ? request.tools.map(describeTool) : [],
    top_logprobs: request.top_logprobs ?? 0,
    top_p: request.top_p ?? 1,
    truncation: 'disabled', // nothing is left out of a long input, whatever was asked: the provider refuses it
    usage: responseUsage(state.usage ?? null),
    user: request.user ?? null
  }
}

/** A chat completion as the response to `request`. Throws SiraError `upstream_error` when it has no choice. */
export function chatToResponse ({ completion, usage, ...context }: ResponseContext & { readonly completion: ChatCompletion, readonly usage: Usage | null }): ResponseObject {
  const choice = completion.choices[0]
  if (choice === undefined) throw new SiraError('upstream_error', { reason: 'its answer has no choice.' })
  const incomplete = incompleteReason(choice.finish_reason)
  const output = outputItems(choice, context)
  const last = output.at(-1)
  if (incomplete !== null && last !== undefined && last.type !== 'reasoning') last.status = 'incomplete'
  return responseObject(context, { status: incomplete === null ? 'completed' : 'incomplete', output, usage, incomplete, serviceTier: completion.service_tier })
}

export function incompleteReason (finish: FinishReason | null): IncompleteReason | null {
  if (finish === 'length') return 'max_output_tokens'
  return finish === 'content_filter' ? finish : null
}

/** Whether the caller asked for what was thought as a summary, which is all that many clients show. */
export function wantsSummary (request: Fields): boolean {
  return isFields(request.reasoning) && typeof (request.reasoning.summary ?? request.reasoning.generate_summary) === 'string'
}

/** What the model gave, as completed items: what it thought, what it said, what it called. */
export function outputItems (choice: ChatCompletion['choices'][number], { newId, request }: Pick<ResponseContext, 'newId' | 'request'>): OutputItem[] {
  const { message } = choice
  const items: OutputItem[] = []
  const blocks = message.thinking_blocks ?? []
  const thought = thoughtOf(message) || blocks.flatMap(block => block.type === 'thinking' ? [block.thinking] : []).join('')
  if (thought !== '' || blocks.length > 0) {
    const item: ReasoningItem = { id: newId('rs_'), type: 'reasoning', summary: [], content: [], encrypted_content: sealThinking(blocks) }
    if (thought !== '' && wantsSummary(request)) item.summary.push({ type: 'summary_text', text: thought })
    else if (thought !== '') item.content.push({ type: 'reasoning_text', text: thought })
    items.push(item)
  }
  const content: MessageItem['content'] = []
  if (message.content) content.push({ type: 'output_text', text: message.content, annotations: [], logprobs: readLogprobs(choice.logprobs) })
  if (message.refusal) content.push({ type: 'refusal', refusal: message.refusal })
  if (content.length > 0) items.push({ id: newId('msg_'), type: 'message', role: 'assistant', status: 'completed', content })
  for (const call of message.tool_calls ?? []) {
    const item: FunctionCallItem = {
      id: newId('fc_'),
      type: 'function_call',
      call_id: call.id === '' ? newId('call_') : call.id,
      name: call.function.name,
      arguments: call.function.arguments,
      status: 'completed',
      ...(call.extra_content === undefined ? {} : { extra_content: call.extra_content })
    }
    items.push(item)
  }
  return items
}

export function readLogprobs (logprobs: unknown): unknown[] {
  return isFields(logprobs) && Array.isArray(logprobs.content) ? logprobs.content : []
}

function responseUsage (usage: Usage | null) {
  return usage === null
    ? null
    : {
        input_tokens: usage.inputTokens,
        input_tokens_details: { cached_tokens: usage.cachedInputTokens, cache_write_tokens: (usage.cacheWriteTokens ?? 0) + (usage.cacheWriteHourTokens ?? 0) },
        output_tokens: usage.outputTokens,
        output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
        total_tokens: usage.inputTokens + usage.outputTokens
      }
}

function serviceTier (told: unknown, asked: unknown): string {
  if (typeof told === 'string') return told
  return typeof asked === 'string' && asked !== 'auto' ? asked : 'default'
}

/** A function with the keys that OpenAI's clients require. */
function describeTool (tool: unknown): unknown {
  return isFields(tool) && tool.type === 'function' ? { description: null, parameters: null, strict: false, ...tool } : tool
}
