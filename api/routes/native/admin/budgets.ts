import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import { formatUsd, parseUsd } from '../../../../lib/domain/price.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { type BudgetRow, insertBudget, listBudgets, organizationOfSubject, readBudget } from '../../../../lib/store/admin-allowances.ts'
import { reachOf, requireOwn, updateColumns } from '../../../../lib/store/admin-rows.ts'
import { OneOf } from '../../../schemas.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { requireAbove, requireChangeable } from './allowance-rules.ts'
import { create, Id, invalid, ListOf, ListQuery, ManagedBy, Nullable, Reference, show, showPage, tags, Time } from './common.ts'

const Usd = Type.String({ maxLength: 40, description: 'USD as a decimal number' })
const fields = {
  amount: Usd,
  hard: Type.Boolean({ description: 'false = only told of, not enforced' }),
  thresholds: Type.Array(Type.Integer({ minimum: 1, maximum: 1000 }), { maxItems: 10, uniqueItems: true, description: 'percent of the amount at which an event is written' })
}
export const Budget = Type.Object({
  id: Type.String(),
  organization_id: Type.String(),
  kind: Type.String(),
  subject_id: Type.String(),
  period: Type.String(),
  ...fields,
  spent: Type.String({ description: 'USD in this period' }),
  remaining: Type.String({ description: 'USD' }),
  period_start: Nullable(Time),
  period_end: Nullable(Time),
  created_at: Time,
  managed_by: ManagedBy
})
const NewBudget = Type.Object({
  kind: OneOf(['organization', 'project', 'key'] as const),
  subject_id: Reference,
  period: OneOf(['day', 'week', 'month', 'total'] as const, 'UTC; weeks begin on Monday'),
  amount: Usd,
  hard: Type.Optional(fields.hard),
  thresholds: Type.Optional(fields.thresholds)
}, { additionalProperties: false })
const Changes = Type.Partial(Type.Object(fields), { additionalProperties: false, minProperties: 1 })

const budgets: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies
  requireScopeOf(app, 'organization')

  app.post('/budgets', { schema: { tags, summary: 'Give an organization, project or key a budget', body: NewBudget, response: { 201: Budget } } }, async (request, reply) => {
    const { caller, body: { kind, subject_id: id, period, hard = true, thresholds = [50, 80, 100], ...body } } = request
    requireAbove(caller, kind)
    const amount = amountOf(body.amount)
    return await create(pool, request, reply, Budget, async client => {
      const organizationId = await organizationOfSubject(client, reachOf(caller), kind, id)
      if (organizationId === undefined) throw new SiraError('not_found', { resource: kind, id })
      const budget = await insertBudget(client, { organizationId, kind, id }, { period, amount, hard, thresholds })
      return { row: showBudget((await readBudget(client, reachOf(caller), budget))!) }
    })
  })

  app.get('/budgets', { schema: { tags, summary: 'List budgets with what is spent, newest first', querystring: ListQuery, response: { 200: ListOf(Budget) } } }, async ({ caller, query }) => {
    const { data, hasMore } = await listBudgets(pool, reachOf(caller), query)
    return showPage(Budget, { data: data.map(showBudget), hasMore })
  })

  app.get('/budgets/:id', { schema: { tags, summary: 'Get a budget with what is spent', params: Id, response: { 200: Budget } } }, async ({ caller, params: { id } }) => {
    const row = await readBudget(pool, reachOf(caller), id)
    if (row === null) throw new SiraError('not_found', { resource: 'budget', id })
    return showBudget(row)
  })

  app.patch('/budgets/:id', { schema: { tags, summary: 'Change a budget; what is spent stays', params: Id, body: Changes, response: { 200: Budget } } }, async ({ caller, params: { id }, body }) => {
    requireChangeable(caller, requireOwn(await readBudget(pool, reachOf(caller), id), 'budget', id))
    await updateColumns(pool, 'budget', { id }, { ...body, amount: body.amount === undefined ? undefined : amountOf(body.amount).toString() })
    return showBudget(requireOwn(await readBudget(pool, reachOf(caller), id), 'budget', id))
  })

  app.delete('/budgets/:id', { schema: { tags, summary: 'Remove a budget', params: Id, response: { 204: Type.Null() } } }, async ({ caller, params: { id } }, reply) => {
    requireChangeable(caller, requireOwn(await readBudget(pool, reachOf(caller), id), 'budget', id))
    await pool.query('DELETE FROM budget WHERE id = $1', [id])
    return await reply.code(204).send(null)
  })
}

export function showBudget (row: BudgetRow): Static<typeof Budget> {
  const [amount, spent] = [BigInt(row.amount), BigInt(row.spent)]
  return show(Budget, { ...row, amount: formatUsd(amount), spent: formatUsd(spent), remaining: formatUsd(amount > spent ? amount - spent : 0n) })
}

function amountOf (text: string): bigint {
  try {
    return parseUsd(text)
  } catch (error) {
    throw invalid('amount', `${(error as Error).message}.`)
  }
}

export default budgets
