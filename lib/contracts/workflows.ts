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

export const workflowNames = { batch: 'batchWorkflow', response: 'responseWorkflow' } as const

/** Workflow ids are functions of the resource, so a second start is impossible. */
export function batchWorkflowId (batchId: string): string { return `batch:${batchId}` }
export function responseWorkflowId (responseId: string): string { return `response:${responseId}` }
