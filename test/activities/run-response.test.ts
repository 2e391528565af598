import { ApplicationFailure } from '@temporalio/activity'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import test from 'ava'
import { createRunResponse } from '../../activities/response/run-response.ts'
import { newId } from '../../lib/ids.ts'
import { call, startTestApi, type TestApi } from '../support/api.ts'
import { registerWorker } from '../lib/providers/_worker.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

test('a background response whose money is held by other requests is tried again, and completes once they gave it back', async t => {
  const { pool, gateway, caller, config, control } = api
  const budget = newId('budget')
  await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount, hard, thresholds) VALUES ($1, $2, 'organization', $2, 'total', 1000000000, true, '{}')", [budget, caller.organizationId])
  await pool.query("INSERT INTO budget_period (budget_id, period_start) VALUES ($1, 'epoch')", [budget])
  // a process that lives, with all that there is
  const other = await registerWorker(config.databaseUrl, 'worker_other')
  t.teardown(other.die)
  await pool.query("INSERT INTO budget_lease (budget_id, period_start, process_id, outstanding) VALUES ($1, 'epoch', 'worker_other', 1000000000)", [budget])
  await control.refresh()
  const { body: { id } } = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Name a river', background: true } })
  const run = async (): Promise<void> => { await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(createRunResponse({ pool, gateway }), { responseId: id }) }
  const status = async (): Promise<unknown> => (await call(api, 'GET', `/v1/responses/${id}`)).body.status

  const refused = await t.throwsAsync<ApplicationFailure>(run, { instanceOf: ApplicationFailure })
  t.like(refused, { type: 'budget_reserved', nonRetryable: false })
  t.is(await status(), 'in_progress')
  await pool.query('DELETE FROM budget_lease WHERE budget_id = $1', [budget])
  await run()
  t.is(await status(), 'completed')
})
