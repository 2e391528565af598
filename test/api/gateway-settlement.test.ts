import test from 'ava'
import { newId } from '../../lib/ids.ts'
import { call } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'
import { provider, startGatewayApi, type GatewayApi } from './_gateway-api.ts'

let served: GatewayApi

test.before(async () => {
  served = await startGatewayApi(1, ([simulator]) => [
    'providers:',
    provider('one', 'openai', simulator!),
    'models:',
    '  - { id: embed, provider: one, upstream: sim-embed, price: { input: 1000 } }'
  ].join('\n'))
})
test.after.always(async () => { await served.close() })

interface Tenant { readonly key: string, readonly spent: () => Promise<bigint> }

/** A tenant with a hard budget of so many pico-USD. */
async function tenantWith (amount: bigint): Promise<Tenant> {
  const { pool, control, gateway } = served.api
  const { caller: { organizationId }, key } = await createTestTenant(pool)
  const budget = newId('budget')
  await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount, hard, thresholds) VALUES ($1, $2, 'organization', $2, 'total', $3, true, '{}')", [budget, organizationId, amount.toString()])
  await control.refresh()
  return {
    key,
    async spent () {
      await gateway.journal.flush()
      const { rows } = await pool.query<{ spent: string }>('SELECT coalesce(sum(spent), 0) AS spent FROM budget_period WHERE budget_id = $1', [budget])
      return BigInt(rows[0]!.spent)
    }
  }
}

test('a budget holds for embeddings whose model has no price of output, which they never have', async t => {
  const amount = 20_000_000_000n
  const { key, spent } = await tenantWith(amount)
  const ask = async () => await call(served.api, 'POST', '/v1/embeddings', { key, body: { model: 'embed', input: 'some twenty letters.' } })
  const { body: { usage }, status, text } = await ask()
  t.is(status, 200, text)
  const each = BigInt(usage.prompt_tokens) * 1_000_000_000n
  t.true(each < amount)
  let answer
  // one after the other, each when the last is in the books
  for (let paid = each; paid < 2n * amount && answer?.body.error === undefined; paid += each) {
    await spent()
    answer = await ask()
  }
  t.is(answer?.body.error?.code, 'budget_exceeded')
  t.true(await spent() < amount + each)
})
