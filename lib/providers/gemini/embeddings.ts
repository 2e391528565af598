import type { Usage } from '../../contracts/prices.ts'
import { boundInput } from '../../domain/estimate-tokens.ts'
import { SiraError } from '../../errors.ts'
import { toBase64Vector } from '../base64-vector.ts'
import { ownFailure } from '../failure-messages.ts'
import { unsupported } from './media.ts'
import { modelPath } from './request.ts'
import { readGeminiUsage } from './usage.ts'
import { objectsOf } from './wire.ts'

/** OpenAI's embeddings request, as far as it is read. */
export interface EmbeddingsRequest {
  readonly model: string
  readonly input: unknown
  readonly dimensions?: number | null
  readonly encoding_format?: string | null
}

/** As Gemini's batchEmbedContents. Throws a SiraError for inputs that are no texts. */
export function toBatchEmbedContents ({ model, input, dimensions }: EmbeddingsRequest): object {
  if (input === undefined) throw new SiraError('missing_parameter', { param: 'input' })
  const texts: readonly unknown[] = Array.isArray(input) ? input : [input]
  return {
    requests: texts.map(text => {
      if (typeof text !== 'string') throw unsupported(model, 'input', 'It takes texts, not tokens.')
      return {
        model: modelPath(model).slice(1),
        content: { parts: [{ text }] },
        ...(typeof dimensions === 'number' && { outputDimensionality: dimensions })
      }
    })
  }
}

/**
 * The answer as OpenAI's. Gemini tells usage only in newer versions of the API: null where it does not. The answer has a usage
 * all the same, estimated: OpenAI's clients read it unasked. `sentBytes` = of a large request, whose input is only
 * stood in for in `request`.
 * Throws a ProviderFailure for an answer without the vectors asked for.
 */
export function toEmbeddings (answer: Readonly<Record<string, unknown>>, request: EmbeddingsRequest, sentBytes?: number): { readonly body: string, readonly usage: Usage | null } {
  const expected = Array.isArray(request.input) ? request.input.length : 1
  const vectors = objectsOf(answer.embeddings).map(({ values }) => values)
  if (vectors.length !== expected || !vectors.every(isVector)) throw ownFailure('answer_invalid', true, { statusCode: 200 })
  const usage = readGeminiUsage(answer.usageMetadata)
  const data = vectors.map((vector, index) => ({ object: 'embedding', index, embedding: request.encoding_format === 'base64' ? toBase64Vector(vector) : vector }))
  const tokens = usage?.inputTokens ?? (sentBytes === undefined ? boundInput(JSON.stringify(request.input), {}).expected : Math.ceil(sentBytes / 4))
  return { body: JSON.stringify({ object: 'list', data, model: request.model, usage: { prompt_tokens: tokens, total_tokens: tokens } }), usage }
}

function isVector (value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every(component => typeof component === 'number')
}
