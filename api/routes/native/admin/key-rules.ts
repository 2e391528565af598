import type { Caller } from '../../../../lib/contracts/jobs.ts'
import { hasScope, ordinaryScopes, mayUseModel, type Scope } from '../../../../lib/contracts/scopes.ts'
import { createAddressCheck } from '../../../../lib/control/address-check.ts'
import { SiraError } from '../../../../lib/errors.ts'
import type { KeyFields } from '../../../../lib/store/admin-keys.ts'
import { invalid } from './common.ts'

/** Throws `insufficient_scope` when a key would have, or has, a scope that the caller lacks: making, changing or rotating it would be a way to get it. */
export function requireScopesOf (caller: Caller, scopes: readonly string[]): void {
  for (const scope of scopes.length === 0 ? ordinaryScopes : scopes) {
    if (!hasScope(caller.scopes, scope as Scope)) throw new SiraError('insufficient_scope', { scope })
  }
}

/** Throws `model_not_allowed` when a key would have, or has, a model that the caller lacks; null = it has all. */
export function requireModelsOf (caller: Caller, models: readonly string[] | null): void {
  if (caller.models == null) return
  const wider = models === null ? '*' : models.find(model => !mayUseModel(caller.models, model))
  if (wider !== undefined) throw new SiraError('model_not_allowed', { model: wider }, { param: 'models' })
}

/** Throws unless the fields make sense and give nothing that the caller does not have. */
export function checkKeyFields (caller: Caller, fields: Partial<KeyFields>): void {
  if (fields.scopes !== undefined) requireScopesOf(caller, fields.scopes)
  if (fields.models !== undefined) requireModelsOf(caller, fields.models)
  for (const range of fields.allowed_ips ?? []) {
    try {
      createAddressCheck([range])
    } catch {
      throw invalid('allowed_ips', `${range} is neither an address nor a CIDR range.`)
    }
  }
  if (fields.expires_at != null && Date.parse(fields.expires_at) <= Date.now()) throw invalid('expires_at', 'it is in the past.')
}
