import type { JobRecord, ProgressMessage } from '../contracts/jobs.ts'
import { formatUsd } from './price.ts'

/** What subscribers are told of a job. Rate and ETA are of running jobs only: 0 and null otherwise. */
export function toProgress (job: JobRecord): ProgressMessage {
  const rate = job.state === 'running' ? job.rate : 0
  return {
    job: job.id,
    seq: job.seq,
    state: job.state,
    counts: job.counts,
    rate: Math.round(rate * 100) / 100,
    eta_s: etaSeconds(job),
    tokens: { input: job.usage.inputTokens, output: job.usage.outputTokens },
    cost: formatUsd(job.cost)
  }
}

/** Whole seconds, rounded up, until the last row of a running job ends at the present rate; null when that cannot be told. */
export function etaSeconds (job: JobRecord): number | null {
  if (job.state !== 'running' || job.counts.total === null) return null
  const rest = Math.max(0, job.counts.total - job.counts.succeeded - job.counts.failed)
  if (rest === 0) return 0
  return job.rate > 0 ? Math.ceil(rest / job.rate) : null
}
