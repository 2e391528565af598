import { Type, type Static } from '@fastify/type-provider-typebox'
import type { Config } from '../lib/config.ts'
import type { Caller } from '../lib/contracts/jobs.ts'
import { formatUsd } from '../lib/domain/price.ts'
import type { BatchRecord } from '../lib/store/batches.ts'
import { Job, serializeJob } from './serialize-job.ts'

const NullableText = Type.Union([Type.String(), Type.Null()])

/** A job of kind batch, with what only batches have. */
export const NativeBatch = Type.Object({
  ...Job.properties,
  endpoint: Type.String(),
  input_file_id: Type.String(),
  output_file_id: NullableText,
  error_file_id: NullableText,
  window: Type.String(),
  concurrency: Type.Union([Type.Integer(), Type.Null()]),
  budget_usd: NullableText,
  retry_of: NullableText,
  errors: Type.Array(Type.Object({
    code: Type.String(),
    message: Type.String(),
    param: NullableText,
    line: Type.Union([Type.Integer(), Type.Null()])
  }))
})

export function serializeNativeBatch (batch: BatchRecord, caller: Caller, config: Config): Static<typeof NativeBatch> {
  return {
    ...serializeJob(batch, caller, config),
    endpoint: batch.endpoint,
    input_file_id: batch.inputFileId,
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    window: batch.completionWindow,
    concurrency: batch.concurrency,
    budget_usd: batch.budget === null ? null : formatUsd(batch.budget),
    retry_of: batch.retryOf,
    errors: (batch.errors ?? []).map(error => ({ ...error }))
  }
}
