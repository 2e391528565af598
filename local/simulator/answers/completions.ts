import { countTokens } from '../tokens.ts'
import { textPieces } from '../text.ts'
import { dataFrame, doneFrame, refuse, refuseMissing, wholeNumber } from './answer.ts'
import type { AnswerContext, Answerer } from './answer.ts'
import { generate, usageJson, wantsUsage } from './generation.ts'
import type { Generation } from './generation.ts'
import { readInputs } from './inputs.ts'

const defaultMaxTokens = 16

/** POST /v1/completions; one choice for each prompt and each of n. */
export const answerCompletions: Answerer = (body, context) => {
  if (body['prompt'] === undefined) return refuseMissing('prompt')
  const prompts = readInputs(body['prompt'])
  if (prompts === null) return refuse('prompt', 'Expected a text, a list of texts, a list of tokens or a list of those.')
  const each = wholeNumber(body['n'], 1, 1, 128)
  if (Number.isNaN(each)) return refuse('n', 'Expected a whole number from 1 to 128.')
  if (each * prompts.length > 2048) return refuse('prompt', 'At most 2048 choices at once.')
  const maxTokens = wholeNumber(body['max_tokens'], defaultMaxTokens, 1, 1_000_000)
  if (Number.isNaN(maxTokens)) return refuse('max_tokens', 'Expected a whole number from 1 to 1000000.')

  const promptTokens = prompts.reduce((sum, prompt) => sum + (typeof prompt === 'string' ? countTokens(prompt) : prompt.length), 0)
  const generation = generate(context, promptTokens, each * prompts.length, maxTokens)
  if (body['stream'] === true) return { kind: 'stream', usage: generation.usage, events: chunks(context, generation, wantsUsage(body)) }
  const choices = generation.choices.map(({ text, cut }, index) => choiceJson(text, index, cut ? '"length"' : '"stop"')).join()
  return {
    kind: 'whole',
    usage: generation.usage,
    json: `${head(context)},"choices":[${choices}],"usage":${usageJson(generation.usage)}}`
  }
}

function chunks (context: AnswerContext, generation: Generation, withUsage: boolean): string[] {
  const frames: string[] = []
  const push = (choice: string): void => {
    frames.push(dataFrame(`${head(context)},"choices":[${choice}]${withUsage ? ',"usage":null' : ''}}`))
  }
  generation.choices.forEach(({ text, cut }, index) => {
    for (const piece of textPieces(text)) push(choiceJson(piece, index, 'null'))
    push(choiceJson('', index, cut ? '"length"' : '"stop"'))
  })
  if (withUsage) frames.push(dataFrame(`${head(context)},"choices":[],"usage":${usageJson(generation.usage)}}`))
  frames.push(doneFrame)
  return frames
}

function choiceJson (text: string, index: number, finish: string): string {
  return `{"text":"${text}","index":${index},"logprobs":null,"finish_reason":${finish}}`
}

function head (context: AnswerContext): string {
  return `{"id":"cmpl-sim-${context.id}","object":"text_completion","created":${context.created},"model":"${context.model.id}",` +
    '"system_fingerprint":"fp_simulated"'
}
