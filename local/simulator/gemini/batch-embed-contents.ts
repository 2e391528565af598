import { refuse, wholeNumber } from '../answers/answer.ts'
import type { Answerer, JsonObject } from '../answers/answer.ts'
import { embed } from '../answers/embeddings.ts'
import { countTokens } from '../tokens.ts'

const mostInputs = 100
const mostDimensions = 3072

/** POST …:batchEmbedContents; tells no usage, as the real one. */
export const answerBatchEmbedContents: Answerer = (body, { seed, model }) => {
  const requests = body['requests']
  if (!Array.isArray(requests) || requests.length === 0) return refuse('requests', 'BatchEmbedContentsRequest.requests: requests is not specified')
  if (requests.length > mostInputs) return refuse('requests', `BatchEmbedContentsRequest.requests: at most ${mostInputs} requests can be in one batch`)
  let tokens = 0
  const embeddings: string[] = []
  for (const request of requests as readonly JsonObject[]) {
    if (request['model'] !== `models/${model.id}`) return refuse('requests', 'BatchEmbedContentsRequest.requests[].model: has to be the model of the path')
    const parts = (request['content'] as { parts?: readonly { text?: unknown }[] } | undefined)?.parts ?? []
    const text = parts.map(part => String(part.text)).join('')
    if (text === '') return refuse('requests', 'BatchEmbedContentsRequest.requests[].content: contains an empty Part.')
    const dimensions = wholeNumber(request['outputDimensionality'], model.dimensions, 1, mostDimensions)
    if (Number.isNaN(dimensions)) return refuse('requests', 'outputDimensionality is out of range')
    tokens += countTokens(text)
    embeddings.push(`{"values":[${embed(text, model.id, seed, dimensions).join()}]}`)
  }
  return {
    kind: 'whole',
    usage: { promptTokens: tokens, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 },
    json: `{"embeddings":[${embeddings.join()}]}`
  }
}
