import type { ChatRequest, ResponseFormat } from '../../contracts/chat.ts'
import { unsupported } from './media.ts'
import { toGeminiSchema } from './schema.ts'
import { toThinkingConfig } from './thinking.ts'
import type { GenerationConfig } from './wire.ts'

/** Everything about how to generate, in Gemini's words. Ranges are the same as OpenAI's (temperature 0 to 2, penalties -2 to 2). */
export function toGenerationConfig (request: ChatRequest): GenerationConfig {
  const { temperature, top_p: topP, top_k: topK, n, seed, presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty } = request
  const maxOutputTokens = request.max_completion_tokens ?? request.max_tokens
  const stopSequences = typeof request.stop === 'string' ? [request.stop] : request.stop
  const thinkingConfig = toThinkingConfig(request)
  return {
    ...(isNumber(temperature) && { temperature }),
    ...(isNumber(topP) && { topP }),
    ...(isNumber(topK) && topK > 0 && { topK }),
    ...(isNumber(n) && { candidateCount: n }),
    ...(isNumber(maxOutputTokens) && { maxOutputTokens }),
    ...(Array.isArray(stopSequences) && stopSequences.length > 0 && { stopSequences }),
    // OpenAI's seeds have 64 bits, Gemini's 32; the same one still becomes the same one
    ...(isNumber(seed) && { seed: seed | 0 }),
    ...(isNumber(presencePenalty) && { presencePenalty }),
    ...(isNumber(frequencyPenalty) && { frequencyPenalty }),
    ...(request.logprobs === true && { responseLogprobs: true, ...(isNumber(request.top_logprobs) && request.top_logprobs > 0 && { logprobs: request.top_logprobs }) }),
    ...toFormat(request.response_format, request.model),
    ...(thinkingConfig !== null && { thinkingConfig })
  }
}

function isNumber (value: unknown): value is number {
  return typeof value === 'number'
}

function toFormat (format: ResponseFormat | null | undefined, model: string): Pick<GenerationConfig, 'responseMimeType' | 'responseJsonSchema'> {
  switch (format?.type) {
    case undefined:
    case 'text':
      return {}
    case 'json_object':
      return { responseMimeType: 'application/json' }
    case 'json_schema': {
      const schema = format.json_schema?.schema
      const param = 'response_format.json_schema.schema'
      return { responseMimeType: 'application/json', ...(schema !== undefined && { responseJsonSchema: toGeminiSchema(schema, param) }) }
    }
    default:
      throw unsupported(model, 'response_format', 'Expected text, json_object or json_schema.')
  }
}
