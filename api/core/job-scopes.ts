import { jobKinds, type Caller, type JobKind } from '../../lib/contracts/jobs.ts'
import { hasScope, type Scope } from '../../lib/contracts/scopes.ts'

/** Whoever may make a kind of job may see and follow it. */
export const jobScopes: Readonly<Record<JobKind, Scope>> = { batch: 'batch', webhook_replay: 'webhooks' }

export function visibleKinds (caller: Pick<Caller, 'scopes'>): JobKind[] {
  return jobKinds.filter(kind => hasScope(caller.scopes, jobScopes[kind]))
}

/** The scope to ask of who wants to see jobs of whatever kind: one that the caller has, if there is any. */
export function anyJobScope (caller: Pick<Caller, 'scopes'>): Scope {
  return jobScopes[visibleKinds(caller)[0] ?? 'batch']
}
