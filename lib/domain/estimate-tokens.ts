export interface InputBound {
  /** What it takes with an ordinary tokenizer: for limits of tokens per minute, and for a bill where the provider tells nothing. */
  readonly expected: number
  /** What it takes with one that is poor at its script: for reservations of money. */
  readonly most: number
}

/**
 * Tokens of a request, by its JSON text: four characters a token, which is close for English and too much for most JSON. Other scripts
 * take more, and the more the more bytes their letters have: a Chinese letter 0.6 (o200k_base) to 1.2 tokens (cl100k_base), and 1.8 in
 * old texts; a Cyrillic one 0.3 to 0.5, a Hebrew one 0.4 to 1.0 (measured). So each byte beyond the number of characters counts as a quarter
 * of a token, at most as one. Token ids, in `prompt` and `input`, are counted: they may be short. Base64 (images, audio, files) is no text:
 * each such piece counts as `mediaTokens`. All this takes 0.03 µs per KB of ASCII and 0.3 µs of other text (measured).
 */
export function boundInput (json: string, body: Readonly<Record<string, unknown>>): InputBound {
  const beyond = Buffer.byteLength(json) - json.length
  const characters = estimateInputTokens(json)
  const ids = Math.max(countIds(body.prompt), countIds(body.input))
  return { expected: Math.max(ids, characters + Math.ceil(beyond / 4)), most: Math.max(ids, characters + beyond) }
}

/** Of one prompt in ids, or of several. */
function countIds (prompt: unknown): number {
  if (!Array.isArray(prompt)) return 0
  if (typeof prompt[0] === 'number') return prompt.length
  return Array.isArray(prompt[0]) ? prompt.reduce((ids: number, one) => ids + (Array.isArray(one) ? one.length : 0), 0) : 0
}

function estimateInputTokens (json: string): number {
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

/** How much output a request may lead to. `modelMost` is the model's own maximum, or what is taken for it; null = not known. */
export function boundOutput (endpoint: string, body: Readonly<Record<string, unknown>>, modelMost: number | null): OutputBound {
  if (!hasOutput(endpoint)) return { expected: 0, most: 0 }
  const asked = positive(body.max_completion_tokens) ?? positive(body.max_tokens) ?? positive(body.max_output_tokens)
  const answers = countAnswers(body)
  const most = asked ?? modelMost ?? amplyOutputTokens
  return { expected: Math.min(most, usualOutputTokens) * answers, most: most * answers }
}

/** How many answers a request makes a model write, for each of which the most tokens count: `best_of` are written and `n` come back, for every prompt. */
function countAnswers ({ n, best_of: bestOf, prompt }: Readonly<Record<string, unknown>>): number {
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1
  return Math.max(positive(n) ?? 1, positive(bestOf) ?? 1) * prompts
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
