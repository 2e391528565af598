import { Type, type Static } from '@fastify/type-provider-typebox'
import type { Config } from '../lib/config.ts'
import { jobKinds, type Caller, type JobRecord } from '../lib/contracts/jobs.ts'
import { batchWorkflowId, webhookReplayWorkflowId } from '../lib/contracts/workflows.ts'
import { jobStates } from '../lib/domain/job-state.ts'
import { formatUsd } from '../lib/domain/price.ts'
import { toProgress } from '../lib/domain/progress.ts'
import { OneOf } from './schemas.ts'

const Time = Type.String({ format: 'date-time' })
const OptionalTime = Type.Union([Time, Type.Null()])

/** Paths on this server of what can be done with a job; also in the answer that accepts one. */
export const JobUrls = Type.Object({
  status_url: Type.String(),
  result_url: Type.String(),
  cancel_url: Type.String(),
  events_url: Type.String()
})

/** A job in the native dialect. */
export const Job = Type.Object({
  id: Type.String(),
  kind: OneOf(jobKinds),
  state: OneOf(jobStates),
  seq: Type.Integer({ description: 'rises with every change' }),
  counts: Type.Object({ total: Type.Union([Type.Integer(), Type.Null()]), succeeded: Type.Integer(), failed: Type.Integer() }),
  usage: Type.Object({ input_tokens: Type.Integer(), cached_input_tokens: Type.Integer(), output_tokens: Type.Integer(), reasoning_tokens: Type.Integer() }),
  cost_usd: Type.String({ description: 'USD as an exact decimal number; without what has no known price' }),
  unpriced: Type.Integer({ description: 'paid requests whose price is unknown' }),
  rate: Type.Number({ description: 'rows per second now' }),
  eta_s: Type.Union([Type.Integer(), Type.Null()], { description: 'seconds left at this rate' }),
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()]),
  metadata: Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
  created_at: Time,
  started_at: OptionalTime,
  cancel_requested_at: OptionalTime,
  finalizing_at: OptionalTime,
  finished_at: OptionalTime,
  expires_at: Time,
  ...JobUrls.properties,
  temporal_ui_url: Type.Optional(Type.String({ description: 'for keys with the scope admin' }))
})

/** A job as its caller may see it. */
export function serializeJob (job: JobRecord, caller: Caller, config: Pick<Config, 'temporalUiUrl' | 'temporalNamespace'>): Static<typeof Job> {
  const progress = toProgress(job)
  return {
    id: job.id,
    kind: job.kind,
    state: job.state,
    seq: job.seq,
    counts: { ...job.counts },
    usage: {
      input_tokens: job.usage.inputTokens,
      cached_input_tokens: job.usage.cachedInputTokens,
      output_tokens: job.usage.outputTokens,
      reasoning_tokens: job.usage.reasoningTokens
    },
    cost_usd: formatUsd(job.cost),
    unpriced: job.unpriced,
    rate: progress.rate,
    eta_s: progress.eta_s,
    error: job.error === null ? null : { ...job.error },
    metadata: job.metadata === null ? null : { ...job.metadata },
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    cancel_requested_at: job.cancelRequestedAt?.toISOString() ?? null,
    finalizing_at: job.finalizingAt?.toISOString() ?? null,
    finished_at: job.finishedAt?.toISOString() ?? null,
    expires_at: job.expiresAt.toISOString(),
    ...families[job.kind].urls(job.id),
    ...(config.temporalUiUrl === null || !caller.scopes.includes('admin')
      ? {}
      : { temporal_ui_url: temporalUiUrl(config.temporalUiUrl, config.temporalNamespace, families[job.kind].workflowId(job.id)) })
  }
}

/** What is particular to each kind. */
const families: Readonly<Record<JobRecord['kind'], { readonly urls: (id: string) => Static<typeof JobUrls>, readonly workflowId: (id: string) => string }>> = {
  batch: {
    urls: id => ({
      status_url: `/api/v1/batch/${id}/status`,
      result_url: `/api/v1/batch/${id}/results`,
      cancel_url: `/api/v1/batch/cancel/${id}`,
      events_url: `/api/v1/jobs/${id}/events`
    }),
    workflowId: batchWorkflowId
  },
  webhook_replay: {
    // its counts are its result
    urls: id => ({ status_url: `/api/v1/jobs/${id}`, result_url: `/api/v1/jobs/${id}`, cancel_url: `/api/v1/jobs/${id}/cancel`, events_url: `/api/v1/jobs/${id}/events` }),
    workflowId: webhookReplayWorkflowId
  }
}

function temporalUiUrl (base: string, namespace: string, workflowId: string): string {
  return `${base.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`
}
