/** A request of about `bytes`, as a client would send it, to each surface that takes such. */
export interface LargeRequest { readonly path: string, readonly body: string, readonly status: number }

const sentence = 'All work and no play makes a dull day, and "quotes" and\nline breaks make JSON longer.'

export function largeRequests (bytes: number): Readonly<Record<string, LargeRequest>> {
  const text = (share: number): string => sentence.repeat(Math.ceil(bytes * share / (sentence.length + 3)))
  const turns = Array.from({ length: 100 }, (_, place) => ({ role: place % 2 === 0 ? 'user' : 'assistant', content: text(0.01) })).slice(0, 99)
  const request = (path: string, body: object, status = 200): LargeRequest => ({ path, body: JSON.stringify(body), status })
  // a prompt of 5 kB each
  const rows = Math.ceil(bytes / 5_000)
  return {
    'chat, one message': request('/v1/chat/completions', { model: 'sim-instant', messages: [{ role: 'user', content: text(1) }], max_tokens: 20 }),
    'chat, streamed, 100 turns': request('/v1/chat/completions', { model: 'sim-instant', messages: turns, max_tokens: 20, stream: true }),
    'chat, in Anthropic\'s words': request('/v1/chat/completions', { model: 'sim-claude', messages: turns, max_tokens: 20 }),
    'responses, not stored': request('/v1/responses', { model: 'sim-instant', input: text(1), store: false, max_output_tokens: 20 }),
    'responses, stored': request('/v1/responses', { model: 'sim-instant', input: turns, max_output_tokens: 20 }),
    messages: request('/v1/messages', { model: 'sim-claude', messages: turns, max_tokens: 20 }),
    completions: request('/v1/completions', { model: 'sim-instant', prompt: text(1), max_tokens: 20 }),
    embeddings: request('/v1/embeddings', { model: 'sim-embed', input: Array.from({ length: 1_000 }, () => text(0.001)), encoding_format: 'base64' }),
    moderations: request('/v1/moderations', { model: 'sim-moderation', input: Array.from({ length: 1_000 }, () => text(0.001)) }),
    'a batch with its requests': request('/api/v1/batch', {
      endpoint: '/v1/chat/completions', requests: Array.from({ length: rows }, (_, place) => ({ custom_id: `row-${place}`, body: { model: 'sim-instant', messages: [{ role: 'user', content: text(1 / rows) }] } }))
    }, 202)
  }
}
