import type { PoolClient } from 'pg'
import type { Caller, JobRecord, Tenant } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import { SiraError } from '../../lib/errors.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { readJob, requestCancel } from '../../lib/store/jobs.ts'
import { insertOutbox, type OutboxEntry } from '../../lib/store/outbox.ts'
import { insertReplay, replayMessage, type NewReplay } from '../../lib/store/webhook-replays.ts'
import { endpointReach, lockEndpoint } from '../../lib/store/webhook-settings.ts'
import type { Dependencies } from '../dependencies.ts'
import { deliver } from './batches.ts'

/**
 * Accepts a replay: job, first event and promise to Temporal in the caller's transaction. Events of the future are not waited for.
 * Throws `not_found` for an endpoint that is not in the caller's reach, `state_conflict` for a disabled one, `invalid_parameter` for an empty range.
 */
export async function acceptReplay (client: PoolClient, caller: Caller, replay: NewReplay): Promise<{ job: JobRecord, start: OutboxEntry }> {
  const endpoint = await lockEndpoint(client, endpointReach(caller), replay.endpointId)
  if (endpoint === null) throw new SiraError('not_found', { resource: 'webhook endpoint', id: replay.endpointId.slice(0, 100) })
  if (!endpoint.enabled) throw new SiraError('state_conflict', { action: 'replay events to', resource: 'webhook endpoint', state: 'disabled' })
  const until = new Date(Math.min(replay.until.getTime(), Date.now()))
  if (!(replay.since < until)) throw new SiraError('invalid_parameter', { param: 'since', reason: 'it must be a time before until and before now.' }, { param: 'since' })
  return await insertReplay(client, caller, { ...replay, until })
}

/** Asks a replay to stop. Idempotent: a cancelled or cancelling one is simply returned; any other finished one is a conflict. */
export async function cancelReplay (dependencies: Dependencies, tenant: Tenant, id: string): Promise<JobRecord> {
  const { job, message } = await inTransaction(dependencies.pool, async client => {
    const before = await readJob(client, tenant, id)
    if (before === null || before.kind !== 'webhook_replay') throw new SiraError('not_found', { resource: 'job', id: id.slice(0, 100) })
    if (before.state === 'cancelled' || before.cancelRequestedAt !== null) return { job: before, message: null }
    if (isTerminal(before.state) || before.state === 'finalizing') throw conflict(before)
    const job = (await requestCancel(client, tenant, id))!
    if (job.cancelRequestedAt === null) throw conflict(job) // it finished meanwhile
    const message = replayMessage(job, 'cancel')
    await insertOutbox(client, message)
    return { job, message }
  })
  dependencies.hints.hint(job.id, job.seq)
  if (message !== null) await deliver(dependencies, message, dependencies.log)
  return job
}

function conflict (job: JobRecord): SiraError {
  return new SiraError('state_conflict', { action: 'cancel', resource: 'replay', state: job.state === 'succeeded' ? 'completed' : job.state })
}
