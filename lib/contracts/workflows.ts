/** Workflow inputs. New fields are optional, because runs started by an older version are still in flight. */

export interface BatchWorkflowInput {
  readonly batchId: string
  readonly organizationId: string
  readonly projectId: string
  /** RFC 3339; the end of the batch's window. */
  readonly expiresAt: string
  /** Where a run that continued as new goes on. */
  readonly resumeFrom?: { readonly nextChunk: number, readonly plan: BatchPlan }
  /** History events after which the run continues as new; tests set it low. */
  readonly maxHistoryEvents?: number
}

/** What the begin activity found: how many chunks there are and how many may be open at once. */
export interface BatchPlan { readonly chunkCount: number, readonly openChunks: number }

/**
 * Why a chunk activity ended: all its rows are terminal; the batch is paused; its worker shuts down and another should
 * go on; or the batch stops for good (cancelled, window over, budget spent).
 */
export type ChunkOutcome = 'done' | 'paused' | 'handover' | StopReason
export type StopReason = 'cancelled' | 'expired' | 'budget_exceeded'

export interface ResponseWorkflowInput {
  readonly responseId: string
  readonly organizationId: string
  readonly projectId: string
}

/** The dispatcher of an endpoint: it lives while the endpoint has undelivered events. */
export interface WebhookDispatchInput {
  readonly endpointId: string
  readonly organizationId: string
  readonly projectId: string
  /** History events after which the run continues as new; tests set it low. */
  readonly maxHistoryEvents?: number
}

/**
 * Why a deliver activity ended: nothing is left (the endpoint is asleep, the workflow ends); the next attempt is due only
 * at `dueAt` (RFC 3339); or more is due and another worker or a new slice should go on.
 */
export type DeliverOutcome = { readonly kind: 'idle' } | { readonly kind: 'waiting', readonly dueAt: string } | { readonly kind: 'more' }

export interface WebhookReplayInput {
  readonly jobId: string
  readonly organizationId: string
  readonly projectId: string
  readonly maxHistoryEvents?: number
}

/** What a queue activity of a replay found: more is to be queued, everything is, or why it stops. */
export type ReplayQueueOutcome = 'more' | 'queued' | 'cancelled' | 'disabled' | 'deleted'
/** What a count activity of a replay found. */
export type ReplayCountOutcome = 'waiting' | 'done' | 'cancelled' | 'deleted'
/** Why a replay ends. `disabled` and `deleted` tell of its endpoint. */
export type ReplayEnd = 'done' | 'cancelled' | 'disabled' | 'deleted'

export const workflowNames = {
  batch: 'batchWorkflow', response: 'responseWorkflow', webhookDispatch: 'webhookDispatchWorkflow', webhookReplay: 'webhookReplayWorkflow'
} as const

/** Workflow ids are functions of the resource, so a second start is impossible. */
export function batchWorkflowId (batchId: string): string { return `batch:${batchId}` }
export function responseWorkflowId (responseId: string): string { return `response:${responseId}` }
export function webhookDispatchWorkflowId (endpointId: string): string { return `webhook:${endpointId}` }
export function webhookReplayWorkflowId (jobId: string): string { return `webhook-replay:${jobId}` }
