/** JSON Schema 2020-12 of one event type's full `data`. Fields may be added later, so they are open. */
export type JsonSchema = Readonly<Record<string, unknown>>

const time = { type: 'string', format: 'date-time' }
const text = { type: 'string' }
const count = { type: 'integer', minimum: 0 }
/** Exact decimal numbers, as everywhere outside of the database. */
const usd = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?$', description: 'USD, an exact decimal number' }
const failure = { type: 'object', properties: { code: text, message: text }, required: ['code', 'message'] }
const tokens = { type: 'object', properties: { input_tokens: count, cached_input_tokens: count, output_tokens: count, reasoning_tokens: count } }

function schemaOf (properties: Readonly<Record<string, unknown>>, required: readonly string[]): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: { id: { type: 'string', description: 'id of the resource' }, ...properties },
    required: ['id', ...required]
  }
}

/** A job as it was when the event was recorded; what it does not have yet is left out. */
function jobIn (states: readonly string[], more: Readonly<Record<string, unknown>> = {}): JsonSchema {
  return schemaOf({
    state: { type: 'string', enum: states },
    counts: {
      type: 'object',
      properties: { total: { type: ['integer', 'null'], minimum: 0, description: 'null = not known yet' }, succeeded: count, failed: count },
      required: ['total', 'succeeded', 'failed']
    },
    usage: { ...tokens, required: ['input_tokens', 'cached_input_tokens', 'output_tokens', 'reasoning_tokens'] },
    cost_usd: usd,
    unpriced: { ...count, description: 'paid requests whose price is unknown; they are not in cost_usd' },
    metadata: { type: 'object', additionalProperties: text },
    error: failure,
    created_at: time,
    started_at: time,
    cancel_requested_at: time,
    finalizing_at: time,
    finished_at: time,
    expires_at: time,
    ...more
  }, ['state', 'counts', 'usage', 'cost_usd', 'unpriced', 'created_at', 'expires_at'])
}

/** Files of a batch, once they are written. */
const files = { output_file_id: text, error_file_id: text }

export const batchIn = (...states: readonly string[]): JsonSchema => jobIn(states, files)
export const replayIn = (...states: readonly string[]): JsonSchema => jobIn(states)

/** Never what was said: prompts and answers are fetched by the id. */
export const responseWith = (status: string): JsonSchema => schemaOf({
  status: { type: 'string', const: status },
  model: text,
  usage: { type: 'object', properties: { input_tokens: count, output_tokens: count, total_tokens: count, cached_input_tokens: count, reasoning_tokens: count } },
  error: { type: 'object', properties: { code: text }, required: ['code'] },
  incomplete_reason: text
}, ['status', 'model'])

export const budgetReached = schemaOf({
  budget: text,
  threshold: { type: 'integer', minimum: 1, description: 'percent of the amount' },
  spent: { type: 'string', pattern: '^[0-9]+$', description: 'pico-USD (1e-12 USD)' },
  amount: { type: 'string', pattern: '^[0-9]+$', description: 'pico-USD (1e-12 USD)' },
  period_start: time
}, ['budget', 'threshold', 'spent', 'amount', 'period_start'])

export const keyRotated = schemaOf({
  hint: { type: 'string', description: 'the last characters of the new key' },
  overlap_seconds: { ...count, description: 'how long the key before works' }
}, ['hint', 'overlap_seconds'])

export const endpointDisabled = schemaOf({
  reason: { type: 'string', enum: ['requested', 'failing', 'gone'], description: 'gone = it answered 410' },
  failures: { ...count, description: 'failed attempts since the last success' },
  failing_since: time
}, ['reason'])

export const endpointFailing = schemaOf({ failures: count, failing_since: time }, ['failures', 'failing_since'])

/** Only that it exists: of a ping, and of types whose feature is not there yet. */
export const idOnly = schemaOf({}, [])
