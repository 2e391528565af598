import { countTokens } from '../tokens.ts'
import { digestBytes, draw, purposes } from '../random.ts'
import { refuse, refuseMissing, wholeNumber } from './answer.ts'
import type { Answerer } from './answer.ts'
import { readInputs } from './inputs.ts'
import type { Input } from './inputs.ts'

const mostDimensions = 3072

/** POST /v1/embeddings; a vector depends on seed, model, dimensions and its own text only, and has length 1. */
export const answerEmbeddings: Answerer = (body, { seed, model }) => {
  if (body['input'] === undefined) return refuseMissing('input')
  const inputs = readInputs(body['input'])
  if (inputs === null) return refuse('input', 'Expected a text, a list of texts, a list of tokens or a list of those, none of them empty.')
  if (inputs.length > 2048) return refuse('input', 'At most 2048 inputs at once.')
  const dimensions = wholeNumber(body['dimensions'], model.dimensions, 1, mostDimensions)
  if (Number.isNaN(dimensions)) return refuse('dimensions', `Expected a whole number from 1 to ${mostDimensions}.`)
  const format = body['encoding_format'] ?? 'float'
  if (format !== 'float' && format !== 'base64') return refuse('encoding_format', "Expected 'float' or 'base64'.")

  const data = inputs.map((input, index) => {
    const vector = embed(input, model.id, seed, dimensions)
    return `{"object":"embedding","index":${index},"embedding":${format === 'base64' ? `"${littleEndian(vector)}"` : `[${vector.join()}]`}}`
  })
  const promptTokens = inputs.reduce((sum, input) => sum + (typeof input === 'string' ? countTokens(input) : input.length), 0)
  return {
    kind: 'whole',
    usage: { promptTokens, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 },
    json: `{"object":"list","data":[${data.join()}],"model":"${model.id}",` +
      `"usage":{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens}}}`
  }
}

export function embed (input: Input, model: string, seed: number, dimensions: number): Float32Array {
  const digest = digestBytes(Buffer.from(`${model} ${typeof input === 'string' ? input : input.join()}`))
  const vector = new Float32Array(dimensions)
  let squares = 0
  for (let index = 0; index < dimensions; index++) {
    const value = draw(seed, digest, purposes.embedding, index) - 0.5
    vector[index] = value
    squares += value * value
  }
  const length = Math.sqrt(squares)
  for (let index = 0; index < dimensions; index++) vector[index] = vector[index]! / length
  return vector
}

// The wire format is little-endian whatever the machine's own order is.
function littleEndian (vector: Float32Array): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4)
  vector.forEach((value, index) => { bytes.writeFloatLE(value, index * 4) })
  return bytes.toString('base64')
}
