import { countMessageTokens } from '../tokens.ts'
import type { Usage } from '../tokens.ts'
import { textPieces } from '../text.ts'
import { asciiJson, dataFrame, doneFrame, refuse, refuseMissing, wholeNumber } from './answer.ts'
import type { Answer, AnswerContext, Answerer, JsonObject } from './answer.ts'
import { generate, usageJson, wantsUsage } from './generation.ts'
import type { Generation } from './generation.ts'
import { chooseCalls, countCallTokens } from '../tool-calls.ts'
import type { SimulatedCall, ToolWish } from '../tool-calls.ts'

/** POST /v1/chat/completions */
export const answerChat: Answerer = (body, context) => {
  const messages = body['messages']
  if (messages === undefined) return refuseMissing('messages')
  if (!Array.isArray(messages) || messages.length === 0) return refuse('messages', 'Expected a list with at least one message.')
  if (!messages.every(isMessage)) return refuse('messages', 'Every message needs a role.')
  const choiceCount = wholeNumber(body['n'], 1, 1, 128)
  if (Number.isNaN(choiceCount)) return refuse('n', 'Expected a whole number from 1 to 128.')
  const maxTokens = wholeNumber(body['max_completion_tokens'] ?? body['max_tokens'], Infinity, 1, 1_000_000)
  if (Number.isNaN(maxTokens)) return refuse('max_completion_tokens', 'Expected a whole number from 1 to 1000000.')

  const calls = chooseCalls(toolWish(body, context.toolCalls))
  if (calls.length > 0) return answerCalls(body, context, calls, countMessageTokens(messages), choiceCount)
  const generation = generate(context, countMessageTokens(messages), choiceCount, maxTokens)
  const texts = generation.choices.map(choice => inFormat(body, choice.text))
  if (body['stream'] === true) {
    return { kind: 'stream', usage: generation.usage, events: chunks(context, generation, texts, wantsUsage(body)) }
  }
  const choices = generation.choices.map((choice, index) =>
    `{"index":${index},"message":{"role":"assistant","content":"${texts[index]}","refusal":null,"annotations":[]},` +
    `"logprobs":null,"finish_reason":"${choice.cut ? 'length' : 'stop'}"}`).join()
  return {
    kind: 'whole',
    usage: generation.usage,
    json: `${head(context, 'chat.completion')},"choices":[${choices}],"usage":${usageJson(generation.usage)}}`
  }
}

/** Makes the chunks of one choice. With include_usage every chunk but the last carries usage: null. */
function chunkMaker (context: AnswerContext, withUsage: boolean, index: number): (delta: string, finish: string) => string {
  const start = `${head(context, 'chat.completion.chunk')}${withUsage ? ',"usage":null' : ''},"choices":[{"index":${index}`
  return (delta, finish) => dataFrame(`${start},"delta":${delta},"logprobs":null,"finish_reason":${finish}}]}`)
}

function chunks (context: AnswerContext, generation: Generation, texts: readonly string[], withUsage: boolean): string[] {
  const frames: string[] = []
  generation.choices.forEach((choice, index) => {
    const chunk = chunkMaker(context, withUsage, index)
    frames.push(chunk('{"role":"assistant","content":"","refusal":null}', 'null'))
    for (const piece of jsonSafePieces(texts[index]!)) frames.push(chunk(`{"content":"${piece}"}`, 'null'))
    frames.push(chunk('{}', choice.cut ? '"length"' : '"stop"'))
  })
  frames.push(...streamEnd(context, withUsage, generation.usage))
  return frames
}

function streamEnd (context: AnswerContext, withUsage: boolean, usage: Usage): string[] {
  const last = dataFrame(`${head(context, 'chat.completion.chunk')},"choices":[],"usage":${usageJson(usage)}}`)
  return withUsage ? [last, doneFrame] : [doneFrame]
}

/** An answer that calls tools, the same calls in every choice. */
function answerCalls (body: JsonObject, context: AnswerContext, calls: readonly SimulatedCall[], promptTokens: number, choiceCount: number): Answer {
  const usage = { promptTokens, completionTokens: countCallTokens(calls) * choiceCount, cachedTokens: 0, reasoningTokens: 0 }
  const idOf = (choice: number, call: SimulatedCall): string => `call_sim_${context.id}_${choice}_${call.position}`
  if (body['stream'] === true) {
    const frames: string[] = []
    for (let index = 0; index < choiceCount; index++) {
      const chunk = chunkMaker(context, wantsUsage(body), index)
      frames.push(chunk('{"role":"assistant","content":null,"refusal":null}', 'null'))
      for (const call of calls) {
        const first = { index: call.position, id: idOf(index, call), type: 'function', function: { name: call.name, arguments: '' } }
        frames.push(chunk(asciiJson({ tool_calls: [first] }), 'null'))
        for (const piece of textPieces(JSON.stringify(call.input))) {
          frames.push(chunk(asciiJson({ tool_calls: [{ index: call.position, function: { arguments: piece } }] }), 'null'))
        }
      }
      frames.push(chunk('{}', '"tool_calls"'))
    }
    return { kind: 'stream', usage, events: [...frames, ...streamEnd(context, wantsUsage(body), usage)] }
  }
  const choices = Array.from({ length: choiceCount }, (_, index) => {
    const toolCalls = calls.map(call => ({ id: idOf(index, call), type: 'function', function: { name: call.name, arguments: JSON.stringify(call.input) } }))
    const message = { role: 'assistant', content: null, refusal: null, annotations: [], tool_calls: toolCalls }
    return { index, message, logprobs: null, finish_reason: 'tool_calls' }
  })
  return { kind: 'whole', usage, json: `${head(context, 'chat.completion')},"choices":${asciiJson(choices)},"usage":${usageJson(usage)}}` }
}

function toolWish (body: JsonObject, calls: number): ToolWish {
  const tools = Array.isArray(body['tools']) ? body['tools'] as readonly { function?: { name?: string, parameters?: unknown } }[] : []
  const choice = body['tool_choice'] as string | { function?: { name?: string } } | null | undefined
  return {
    tools: choice === 'none' ? [] : tools.map(tool => ({ name: tool.function?.name ?? '', schema: tool.function?.parameters })),
    calls,
    forced: typeof choice === 'object' && choice !== null ? choice.function?.name ?? true : choice === 'required',
    oneAtATime: body['parallel_tool_calls'] === false,
    answered: (body['messages'] as readonly { role?: string }[]).at(-1)!.role === 'tool'
  }
}

function head (context: AnswerContext, object: string): string {
  return `{"id":"chatcmpl-sim-${context.id}","object":"${object}","created":${context.created},"model":"${context.model.id}",` +
    '"service_tier":"default","system_fingerprint":"fp_simulated"'
}

/** The text as JSON string content: as it is, or wrapped into an object where the request asks for JSON. */
function inFormat (body: JsonObject, text: string): string {
  const format = (body['response_format'] as { type?: unknown } | null | undefined)?.type
  return format === 'json_object' || format === 'json_schema' ? `{\\"simulated\\":true,\\"text\\":\\"${text}\\"}` : text
}

// An escape of two characters must not be torn apart.
function jsonSafePieces (escaped: string): string[] {
  if (!escaped.includes('\\')) return textPieces(escaped)
  return textPieces(JSON.parse(`"${escaped}"`) as string).map(piece => JSON.stringify(piece).slice(1, -1))
}

function isMessage (message: unknown): boolean {
  return typeof (message as { role?: unknown } | null)?.role === 'string'
}
