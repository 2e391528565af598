import { batchIn, budgetReached, endpointDisabled, endpointFailing, idOnly, keyRotated, replayIn, responseWith, type JsonSchema } from './event-schemas.ts'

export interface EventType {
  readonly type: string
  readonly description: string
  /** The kind of resource that `data.id` names. */
  readonly resource: string
  /** false = nothing writes it yet; one may subscribe ahead. */
  readonly available: boolean
  /** Of the full `data`. */
  readonly schema: JsonSchema
}

const written = (type: string, resource: string, description: string, schema: JsonSchema): EventType => ({ type, description, resource, available: true, schema })
const planned = (type: string, resource: string, description: string): EventType =>
  ({ type, description: `${description} Not available yet: Sira does not have the feature.`, resource, available: false, schema: idOnly })

/** Every type that events have or will have: OpenAI's names where it has one. What is written anywhere has to stand here. */
export const eventTypes: readonly EventType[] = [
  written('batch.created', 'batch', 'A batch was accepted.', batchIn('queued')),
  written('batch.in_progress', 'batch', 'The input of a batch was checked and its requests are being made.', batchIn('running')),
  written('batch.paused', 'batch', 'A batch was paused.', batchIn('paused')),
  written('batch.resumed', 'batch', 'A paused batch goes on.', batchIn('running')),
  written('batch.cancelling', 'batch', 'A cancel was requested.', batchIn('queued', 'running', 'paused', 'finalizing')),
  written('batch.finalizing', 'batch', 'All requests of a batch have ended, or it stops; its files are being written.', batchIn('finalizing')),
  written('batch.completed', 'batch', 'A batch has ended and its files can be read. Requests in it may have failed.', batchIn('succeeded')),
  written('batch.failed', 'batch', 'The input of a batch was refused; no request was made.', batchIn('failed')),
  written('batch.cancelled', 'batch', 'A cancelled batch has ended; partial results can be read.', batchIn('cancelled')),
  written('batch.expired', 'batch', 'The window of a batch was over before all requests were made; partial results can be read.', batchIn('expired')),

  written('response.completed', 'response', 'A background response was completed.', responseWith('completed')),
  written('response.failed', 'response', 'A background response failed.', responseWith('failed')),
  written('response.incomplete', 'response', 'A background response ended early: a token limit or a filter.', responseWith('incomplete')),
  written('response.cancelled', 'response', 'A background response was cancelled.', responseWith('cancelled')),

  written('budget.threshold_reached', 'budget', 'Spending has reached a threshold of a budget, for the first time in its period.', budgetReached),
  written('key.rotated', 'key', 'A key was rotated by its schedule; the new one can be claimed.', keyRotated),

  written('webhook.endpoint_failing', 'webhook_endpoint', 'Nothing but failure came from an endpoint for a while.', endpointFailing),
  written('webhook.endpoint_disabled', 'webhook_endpoint', 'An endpoint was disabled and gets nothing until it is enabled again.', endpointDisabled),
  written('ping', 'webhook_endpoint', 'A test of one endpoint, sent on request.', idOnly),

  written('webhook_replay.created', 'webhook_replay', 'A replay was accepted.', replayIn('queued')),
  written('webhook_replay.in_progress', 'webhook_replay', 'A replay is queueing events for delivery.', replayIn('running')),
  written('webhook_replay.cancelling', 'webhook_replay', 'A cancel was requested.', replayIn('queued', 'running', 'finalizing')),
  written('webhook_replay.finalizing', 'webhook_replay', 'Every event of a replay has been delivered or given up, or it stops.', replayIn('finalizing')),
  written('webhook_replay.completed', 'webhook_replay', 'A replay has ended. Deliveries in it may have failed.', replayIn('succeeded')),
  written('webhook_replay.failed', 'webhook_replay', 'A replay could not go on: its endpoint was deleted.', replayIn('failed')),
  written('webhook_replay.cancelled', 'webhook_replay', 'A replay was cancelled; what was queued and not yet delivered was withdrawn.', replayIn('cancelled')),

  planned('fine_tuning.job.succeeded', 'fine_tuning.job', 'A fine-tuning job has ended and its model can be used.'),
  planned('fine_tuning.job.failed', 'fine_tuning.job', 'A fine-tuning job failed.'),
  planned('fine_tuning.job.cancelled', 'fine_tuning.job', 'A fine-tuning job was cancelled.'),
  planned('video.completed', 'video', 'A video can be fetched.'),
  planned('video.failed', 'video', 'A video could not be made.'),
  planned('generation.completed', 'generation', 'A generation of images, audio or video has ended.'),
  planned('generation.failed', 'generation', 'A generation failed.'),
  planned('generation.cancelled', 'generation', 'A generation was cancelled.'),
  planned('eval.run.succeeded', 'eval.run', 'An evaluation has ended.'),
  planned('eval.run.failed', 'eval.run', 'An evaluation failed.'),
  planned('eval.run.canceled', 'eval.run', 'An evaluation was cancelled (OpenAI spells this one with one l).'),
  planned('price.changed', 'model', 'The price of a model changed.')
]

const known = new Map(eventTypes.map(entry => [entry.type, entry]))

export function findEventType (type: string): EventType | null {
  return known.get(type) ?? null
}

export function isKnownType (type: string): boolean {
  return known.has(type)
}

/**
 * Whether a pattern takes a type. A pattern is a type, `*` for all of them, or `prefix.*` for what begins with `prefix.`;
 * `*` stands nowhere else. lib/store has the same rule in SQL.
 */
export function matchesPattern (pattern: string, type: string): boolean {
  if (pattern === '*' || pattern === type) return true
  return pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))
}

/** Whether an endpoint may subscribe to it: a pattern that takes no known type is a mistake. */
export function isKnownPattern (pattern: string): boolean {
  return eventTypes.some(({ type }) => matchesPattern(pattern, type))
}
