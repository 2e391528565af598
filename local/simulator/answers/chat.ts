import { countMessageTokens } from '../tokens.ts'
import { textPieces } from '../text.ts'
import { dataFrame, doneFrame, refuse, refuseMissing, wholeNumber } from './answer.ts'
import type { AnswerContext, Answerer, JsonObject } from './answer.ts'
import { generate, usageJson, wantsUsage } from './generation.ts'
import type { Generation } from './generation.ts'

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

function chunks (context: AnswerContext, generation: Generation, texts: readonly string[], withUsage: boolean): string[] {
  // With include_usage every chunk but the last carries usage: null.
  const start = `${head(context, 'chat.completion.chunk')}${withUsage ? ',"usage":null' : ''},"choices":[{"index":`
  const frames: string[] = []
  generation.choices.forEach((choice, index) => {
    const chunk = (delta: string, finish: string): string =>
      dataFrame(`${start}${index},"delta":${delta},"logprobs":null,"finish_reason":${finish}}]}`)
    frames.push(chunk('{"role":"assistant","content":"","refusal":null}', 'null'))
    for (const piece of jsonSafePieces(texts[index]!)) frames.push(chunk(`{"content":"${piece}"}`, 'null'))
    frames.push(chunk('{}', choice.cut ? '"length"' : '"stop"'))
  })
  if (withUsage) frames.push(dataFrame(`${head(context, 'chat.completion.chunk')},"choices":[],"usage":${usageJson(generation.usage)}}`))
  frames.push(doneFrame)
  return frames
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
