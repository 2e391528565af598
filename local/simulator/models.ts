import type { LatencySpec } from './latency.ts'

export type Endpoint = '/v1/chat/completions' | '/v1/completions' | '/v1/responses' | '/v1/embeddings' | '/v1/moderations' | '/anthropic/v1/messages' |
  'generateContent' | 'batchEmbedContents'

export interface Model {
  readonly id: string
  readonly endpoints: readonly Endpoint[]
  readonly latency: LatencySpec
  /** ms between the pieces of a stream. */
  readonly streamInterval: number
  /** Thinks before it answers, and bills a part of the prompt as cached. */
  readonly reasoning: boolean
  /** Length of an embedding; 0 for models that do not embed. */
  readonly dimensions: number
}

const textEndpoints: readonly Endpoint[] = ['/v1/chat/completions', '/v1/completions', '/v1/responses']
const defaults = { streamInterval: 5, reasoning: false, dimensions: 0 }

const list: readonly Model[] = [
  { ...defaults, id: 'sim-instant', endpoints: textEndpoints, latency: 0, streamInterval: 0 },
  { ...defaults, id: 'sim-fast', endpoints: textEndpoints, latency: { kind: 'lognormal', p50: 80, sigma: 0.3 } },
  { ...defaults, id: 'sim-slow', endpoints: textEndpoints, latency: { kind: 'lognormal', p50: 1500, sigma: 0.4 } },
  {
    ...defaults,
    id: 'sim-reasoning',
    endpoints: ['/v1/chat/completions', '/v1/responses'],
    latency: { kind: 'lognormal', p50: 400, sigma: 0.5 },
    reasoning: true
  },
  { ...defaults, id: 'sim-embed', endpoints: ['/v1/embeddings'], latency: { kind: 'uniform', min: 10, max: 30 }, dimensions: 256 },
  { ...defaults, id: 'sim-embed-large', endpoints: ['/v1/embeddings'], latency: { kind: 'uniform', min: 10, max: 30 }, dimensions: 1536 },
  { ...defaults, id: 'sim-gemini', endpoints: ['generateContent'], latency: { kind: 'lognormal', p50: 80, sigma: 0.3 } },
  { ...defaults, id: 'sim-gemini-embed', endpoints: ['batchEmbedContents'], latency: { kind: 'uniform', min: 10, max: 30 }, dimensions: 768 },
  { ...defaults, id: 'sim-moderation', endpoints: ['/v1/moderations'], latency: 10 },
  { ...defaults, id: 'sim-claude', endpoints: ['/anthropic/v1/messages'], latency: { kind: 'lognormal', p50: 80, sigma: 0.3 } }
]

export const models: ReadonlyMap<string, Model> = new Map(list.map(model => [model.id, model]))

// 2025-01-01, so that the list does not change from day to day.
const created = 1735689600

export function modelObject (model: Model): Record<string, unknown> {
  return { id: model.id, object: 'model', created, owned_by: 'simulator' }
}
