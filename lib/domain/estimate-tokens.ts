/**
 * Tokens of a request, by its JSON text: four characters a token, which is close for English and too much for most JSON.
 * Base64 in it (images, audio, files) is no text: each such piece counts as `mediaTokens`. Only for reservations; what is
 * billed comes from the provider.
 */
export function estimateInputTokens (json: string): number {
  let characters = json.length
  let pieces = 0
  for (let at = json.indexOf(';base64,'); at !== -1; at = json.indexOf(';base64,', at)) {
    const end = json.indexOf('"', at)
    if (end === -1) break
    characters -= end - at
    pieces += 1
    at = end
  }
  return Math.ceil(characters / 4) + pieces * mediaTokens
}

/** About what a large image costs with the known providers. */
const mediaTokens = 1_600

/** Output assumed of a request that names no maximum, for rate limits. */
const usualOutputTokens = 1_024
/** The same for money, where too little would let a budget be overspent. */
const amplyOutputTokens = 8_192

export interface OutputBound {
  /** For limits of tokens per minute. */
  readonly expected: number
  /** For reservations of money. */
  readonly most: number
}

/**
 * Whether answers at an endpoint are tokens that are paid for. Vectors and verdicts are none, and their models often have no price for
 * output: with output in its estimate such a request would look as if it could not be billed.
 */
export function hasOutput (endpoint: string): boolean {
  return endpoint !== '/v1/embeddings' && endpoint !== '/v1/moderations'
}

/** How much output a request may lead to. `modelMost` is the model's own maximum, where known. */
export function boundOutput (endpoint: string, body: Readonly<Record<string, unknown>>, modelMost: number | null): OutputBound {
  if (!hasOutput(endpoint)) return { expected: 0, most: 0 }
  const asked = positive(body.max_completion_tokens) ?? positive(body.max_tokens) ?? positive(body.max_output_tokens)
  const answers = positive(body.n) ?? 1
  const most = asked ?? modelMost ?? amplyOutputTokens
  return { expected: Math.min(most, usualOutputTokens) * answers, most: most * answers }
}

function positive (value: unknown): number | null {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? Math.ceil(value) : null
}

/** How much of a stream has come: numbers only, so that a long stream costs no memory. */
export interface Received { events: number, characters: number, least: number }

export function receive (received: Received, data: string): void {
  received.events += 1
  received.characters += data.length
  if (data.length < received.least) received.least = data.length
}

/**
 * Output tokens of a stream that was cut before its provider told: an event carries one token at least, and what is longer
 * than the shortest event is text, four characters a token.
 */
export function estimateReceived ({ events, characters, least }: Received): number {
  return events === 0 ? 0 : Math.max(events, Math.ceil((characters - events * least) / 4))
}
