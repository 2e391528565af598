import test from 'ava'
import type { JobRecord } from '../../../lib/contracts/jobs.ts'
import type { JobState } from '../../../lib/domain/job-state.ts'
import { etaSeconds, toProgress } from '../../../lib/domain/progress.ts'

const at = new Date('2026-01-01T00:00:00Z')
const job: JobRecord = {
  id: 'batch_1', kind: 'batch', organizationId: 'org', projectId: 'proj', apiKeyId: 'key', state: 'running', seq: 7,
  counts: { total: 1_000, succeeded: 300, failed: 10 },
  usage: { inputTokens: 5, cachedInputTokens: 1, outputTokens: 8, reasoningTokens: 2 },
  cost: 1_250_000n, unpriced: 0, rate: 33.336, error: null, metadata: null,
  createdAt: at, startedAt: at, cancelRequestedAt: null, finalizingAt: null, finishedAt: null, expiresAt: at
}

test('progress of a running job has its rate, the seconds left rounded up, and the cost in USD', t => {
  t.deepEqual(toProgress(job), {
    job: 'batch_1', seq: 7, state: 'running', counts: { total: 1_000, succeeded: 300, failed: 10 },
    rate: 33.34, eta_s: 21, tokens: { input: 5, output: 8 }, cost: '0.00000125'
  })
})

test('the seconds left are unknown without a total or a rate, and 0 when no row is left', t => {
  t.is(etaSeconds({ ...job, counts: { ...job.counts, total: null } }), null)
  t.is(etaSeconds({ ...job, rate: 0 }), null)
  t.is(etaSeconds({ ...job, rate: 0, counts: { total: 310, succeeded: 300, failed: 10 } }), 0)
})

test('a job that does not run has neither rate nor seconds left', t => {
  for (const state of ['queued', 'paused', 'finalizing', 'succeeded', 'failed', 'cancelled', 'expired'] satisfies JobState[]) {
    const progress = toProgress({ ...job, state })
    t.deepEqual([progress.rate, progress.eta_s], [0, null], state)
  }
})
