import { Type, type Static } from '@fastify/type-provider-typebox'
import type { BatchRecord } from '../lib/store/batches.ts'
import { OneOf } from './schemas.ts'

export const openaiBatchStatuses = ['validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled'] as const
export type OpenAIBatchStatus = typeof openaiBatchStatuses[number]

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])
const Timestamp = Type.Optional(Type.Integer({ description: 'unix seconds' }))

/** OpenAI's Batch object. Stamps that have not happened are left out, which both readings of its specification allow. */
export const OpenAIBatch = Type.Object({
  id: Type.String(),
  object: Type.Literal('batch'),
  endpoint: Type.String(),
  errors: Nullable(Type.Object({
    object: Type.Literal('list'),
    data: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), param: Nullable(Type.String()), line: Nullable(Type.Integer()) }))
  })),
  input_file_id: Type.String(),
  completion_window: Type.String(),
  status: OneOf(openaiBatchStatuses),
  output_file_id: Nullable(Type.String()),
  error_file_id: Nullable(Type.String()),
  created_at: Type.Integer(),
  in_progress_at: Timestamp,
  expires_at: Timestamp,
  finalizing_at: Timestamp,
  completed_at: Timestamp,
  failed_at: Timestamp,
  expired_at: Timestamp,
  cancelling_at: Timestamp,
  cancelled_at: Timestamp,
  request_counts: Type.Object({ total: Type.Integer(), completed: Type.Integer(), failed: Type.Integer() }),
  usage: Type.Object({
    input_tokens: Type.Integer(),
    input_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
    output_tokens: Type.Integer(),
    output_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
    total_tokens: Type.Integer()
  }),
  metadata: Nullable(Type.Record(Type.String(), Type.String()))
})

/** Our words for a job's life, in OpenAI's. A pause is theirs to see as `in_progress`. */
export function openaiStatus (batch: Pick<BatchRecord, 'state' | 'cancelRequestedAt'>): OpenAIBatchStatus {
  switch (batch.state) {
    case 'succeeded': return 'completed'
    case 'failed': return 'failed'
    case 'cancelled': return 'cancelled'
    case 'expired': return 'expired'
  }
  if (batch.cancelRequestedAt !== null) return 'cancelling'
  if (batch.state === 'queued') return 'validating'
  return batch.state === 'finalizing' ? 'finalizing' : 'in_progress'
}

export function serializeOpenAIBatch (batch: BatchRecord): Static<typeof OpenAIBatch> {
  const { usage } = batch
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    errors: batch.errors === null ? null : { object: 'list', data: batch.errors.map(error => ({ ...error })) },
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: openaiStatus(batch),
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    created_at: seconds(batch.createdAt),
    ...stamp('in_progress_at', batch.startedAt),
    expires_at: seconds(batch.expiresAt),
    ...stamp('finalizing_at', batch.finalizingAt),
    ...stamp('completed_at', batch.state === 'succeeded' ? batch.finishedAt : null),
    ...stamp('failed_at', batch.state === 'failed' ? batch.finishedAt : null),
    ...stamp('expired_at', batch.state === 'expired' ? batch.finishedAt : null),
    ...stamp('cancelling_at', batch.cancelRequestedAt),
    ...stamp('cancelled_at', batch.state === 'cancelled' ? batch.finishedAt : null),
    request_counts: { total: batch.counts.total ?? 0, completed: batch.counts.succeeded, failed: batch.counts.failed },
    usage: {
      input_tokens: usage.inputTokens,
      input_tokens_details: { cached_tokens: usage.cachedInputTokens },
      output_tokens: usage.outputTokens,
      output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
      total_tokens: usage.inputTokens + usage.outputTokens
    },
    metadata: batch.metadata === null ? null : { ...batch.metadata }
  }
}

function seconds (date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

function stamp<Name extends string> (name: Name, date: Date | null): { [key in Name]?: number } {
  return (date === null ? {} : { [name]: seconds(date) }) as { [key in Name]?: number }
}
