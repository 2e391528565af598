import { asciiJson } from '../answers/answer.ts'
import type { AnswerContext, Answerer, JsonObject } from '../answers/answer.ts'
import { exampleOf } from '../example.ts'
import { answerText } from '../text.ts'
import { chooseCalls, countCallTokens } from '../tool-calls.ts'
import type { ToolWish } from '../tool-calls.ts'
import { countTokens } from '../tokens.ts'
import { checkRequest } from './check-request.ts'
import { signature } from './check-turns.ts'
import { countInput, usageOf } from './input.ts'
import { messageEvents } from './message-events.ts'

export type Block =
  | { readonly type: 'thinking', readonly thinking: string, readonly signature: string }
  | { readonly type: 'text', readonly text: string }
  | { readonly type: 'tool_use', readonly id: string, readonly name: string, readonly input: unknown }

/** POST /anthropic/v1/messages */
export const answerMessages: Answerer = (body, context) => {
  const refusal = checkRequest(body, context.headers)
  if (refusal !== null) return refusal
  const input = countInput(body)
  const made = makeBlocks(body, context)
  const usage = usageOf(input, made.outputTokens, made.thinkingTokens)
  const message = {
    id: `msg_sim_${context.id}`,
    type: 'message',
    role: 'assistant',
    model: context.model.id,
    content: made.blocks,
    container: null,
    stop_reason: made.stopReason,
    stop_sequence: made.stopSequence,
    stop_details: null,
    usage
  }
  const logged = { promptTokens: input.total, completionTokens: made.outputTokens, cachedTokens: input.read, reasoningTokens: made.thinkingTokens }
  if (body['stream'] !== true) return { kind: 'whole', usage: logged, json: asciiJson(message) }
  return { kind: 'stream', usage: logged, events: messageEvents(message) }
}

interface Made {
  readonly blocks: readonly Block[]
  readonly stopReason: string
  readonly stopSequence: string | null
  readonly outputTokens: number
  readonly thinkingTokens: number
}

function makeBlocks (body: JsonObject, context: AnswerContext): Made {
  const maxTokens = body['max_tokens'] as number
  const thinking = makeThinking(body, context, maxTokens)
  const thinkingTokens = thinking === null ? 0 : countTokens(thinking.thinking)
  const before = thinking === null ? [] : [thinking]
  const calls = chooseCalls(toolWish(body, context))
  if (calls.length > 0) {
    const uses = calls.map(({ position, name, input }) => ({ type: 'tool_use' as const, id: `toolu_sim_${context.id}_${position}`, name, input }))
    return { blocks: [...before, ...uses], stopReason: 'tool_use', stopSequence: null, outputTokens: thinkingTokens + countCallTokens(calls), thinkingTokens }
  }
  const schema = ((body['output_config'] as JsonObject | undefined)?.['format'] as JsonObject | undefined)?.['schema']
  const drawn = answerText(context.seed, context.digest, maxTokens - thinkingTokens)
  const whole = schema === undefined ? drawn.text : JSON.stringify(exampleOf(schema, drawn.text))
  const stopSequence = ((body['stop_sequences'] ?? []) as readonly string[]).find(sequence => whole.includes(sequence)) ?? null
  const text = stopSequence === null ? whole : whole.slice(0, whole.indexOf(stopSequence))
  const stopReason = stopSequence !== null ? 'stop_sequence' : schema === undefined && drawn.cut ? 'max_tokens' : 'end_turn'
  return { blocks: [...before, { type: 'text', text }], stopReason, stopSequence, outputTokens: thinkingTokens + countTokens(text), thinkingTokens }
}

function makeThinking (body: JsonObject, { seed, digest }: AnswerContext, maxTokens: number): Block & { type: 'thinking' } | null {
  const type = (body['thinking'] as JsonObject | undefined)?.['type']
  if (type !== 'enabled' && type !== 'adaptive') return null
  const { text } = answerText(seed, digest, Math.floor(maxTokens / 2), 1)
  return { type: 'thinking', thinking: text.replace('Simulated answer', 'Simulated thinking'), signature }
}

function toolWish (body: JsonObject, context: AnswerContext): ToolWish {
  const tools = ((body['tools'] ?? []) as readonly { name: string, input_schema: unknown }[]).map(tool => ({ name: tool.name, schema: tool.input_schema }))
  const choice = body['tool_choice'] as { type?: string, name?: string, disable_parallel_tool_use?: boolean } | undefined
  const last = (body['messages'] as readonly { content: unknown }[]).at(-1)!.content
  return {
    tools: choice?.type === 'none' ? [] : tools,
    calls: context.toolCalls,
    forced: choice?.type === 'tool' ? choice.name ?? true : choice?.type === 'any',
    oneAtATime: choice?.disable_parallel_tool_use === true,
    answered: Array.isArray(last) && last.some(block => (block as { type?: string }).type === 'tool_result')
  }
}
