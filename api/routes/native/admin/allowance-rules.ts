import type { Caller } from '../../../../lib/contracts/jobs.ts'
import { hasScope } from '../../../../lib/contracts/scopes.ts'
import { SiraError } from '../../../../lib/errors.ts'

/** Throws `insufficient_scope` for what holds an organization as a whole, unless the caller administers the installation: an organization must not lift what it is held to. */
export function requireAbove (caller: Caller, kind: string): void {
  if (kind === 'organization' || kind === 'model') requireAdmin(caller)
}

/** As `requireAbove`, of a limit or budget that is there: a key must not loosen its own either. To add one can only tighten. */
export function requireChangeable (caller: Caller, { kind, subject_id: id }: { readonly kind: string, readonly subject_id: string }): void {
  requireAbove(caller, kind)
  if (kind === 'key') refuseOwnKey(caller, id)
}

/** Throws `insufficient_scope` when the key is the caller's own, unless it administers the installation. */
export function refuseOwnKey (caller: Caller, keyId: string): void {
  if (keyId === caller.keyId) requireAdmin(caller)
}

function requireAdmin (caller: Caller): void {
  if (!hasScope(caller.scopes, 'admin')) throw new SiraError('insufficient_scope', { scope: 'admin' })
}
