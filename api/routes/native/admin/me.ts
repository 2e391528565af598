import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { hasScope, scopes } from '../../../../lib/contracts/scopes.ts'
import { listLimitsOf, readBudgetsOf } from '../../../../lib/store/admin-allowances.ts'
import { Budget, showBudget } from './budgets.ts'
import { Nullable, show, tags } from './common.ts'
import { Limit } from './limits.ts'

const Me = Type.Object({
  organization_id: Type.String(),
  project_id: Type.String(),
  key_id: Type.String(),
  scopes: Type.Array(Type.String(), { description: 'what the key may do, spelled out' }),
  models: Nullable(Type.Array(Type.String())),
  cache_ttl_seconds: Nullable(Type.Integer()),
  limits: Type.Array(Limit),
  budgets: Type.Array(Budget)
})

/** What a key can learn of itself, whatever its scopes. */
const me: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies

  app.get('/me', { schema: { tags, summary: 'What this key is, what limits and budgets it has', response: { 200: Me } } }, async ({ caller }) => {
    const [limits, budgets] = await Promise.all([listLimitsOf(pool, caller), readBudgetsOf(pool, caller)])
    return {
      organization_id: caller.organizationId,
      project_id: caller.projectId,
      key_id: caller.keyId,
      scopes: scopes.filter(scope => hasScope(caller.scopes, scope)),
      models: caller.models == null ? null : [...caller.models],
      cache_ttl_seconds: caller.cacheTtlSeconds ?? null,
      limits: limits.map(limit => show(Limit, limit)),
      budgets: budgets.map(showBudget)
    }
  })
}

export default me
