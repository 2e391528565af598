import type { MockActivityEnvironment } from '@temporalio/testing'
import test from 'ava'
import { fanOut } from '../../../lib/store/fan-out.ts'
import { addEndpoint, addEvents } from '../../support/webhooks.ts'
import { registerProcess } from '../../../lib/store/registration.ts'
import { silentLog } from '../../support/pool.ts'
import { createTestWorker, openDelivery, readDeliveries } from './_delivery.ts'

test('two live workers are never on one endpoint at once, and nothing is sent twice', async t => {
  const { pool, url, tenant, receiver, deliverDue } = await openDelivery(t)
  const other = createTestWorker(t, pool)
  const registration = await registerProcess(url, silentLog, other.workerId)
  t.teardown(registration.close)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, concurrency: 4 })
  receiver.behave(() => ({ delay: 5 }))
  await addEvents(pool, tenant, 200)
  await fanOut(pool)
  t.deepEqual(await Promise.all([deliverDue(id), other.deliverDue(id)]), [{ kind: 'idle' }, { kind: 'idle' }])
  t.is(receiver.received.length, 200)
  t.true(receiver.load.most <= 4)
})

test('endpoints that hang, drip or refuse do not delay the others', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t, { SIRA_WEBHOOK_TIMEOUT_MS: '60000', SIRA_SHUTDOWN_GRACE_MS: '0' })
  receiver.behave(({ path }) => path === '/hang' ? 'hang' : path === '/drip' ? 'drip' : path === '/reset' ? 'reset' : {})
  const bad = []
  for (const path of ['/hang', '/drip', '/reset']) bad.push(await addEndpoint(pool, tenant, { url: receiver.url + path }))
  const good = []
  for (let number = 0; number < 5; number++) good.push(await addEndpoint(pool, tenant, { url: `${receiver.url}/good${number}` }))
  await addEvents(pool, tenant, 50)
  await fanOut()
  const environments: MockActivityEnvironment[] = []
  const badRuns = Promise.all(bad.map(async ({ id }) => await deliverDue(id, environment => { environments.push(environment) })))
  await Promise.all(good.map(async ({ id }) => await deliverDue(id)))
  const hanging = receiver.load.now
  for (const { id } of good) t.true((await readDeliveries(pool, id)).every(row => row.state === 'delivered'))
  t.is(hanging, 20, 'while the good ones are done, all places of the two that hang or drip are taken')
  for (const environment of environments) environment.cancel('WORKER_SHUTDOWN')
  t.deepEqual((await badRuns).slice(0, 2), [{ kind: 'more' }, { kind: 'more' }], 'what they hold is given up with the worker')
})

test('an outage of the database while outcomes are saved sends nothing twice', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, concurrency: 2 })
  receiver.behave(() => ({ delay: 10 }))
  await addEvents(pool, tenant, 100)
  await fanOut()
  const run = deliverDue(id)
  await receiver.arrived(20)
  // every connection of this database is cut, as by a restart; the worker's own lock session too
  await pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()')
  t.deepEqual(await run, { kind: 'idle' })
  t.is(receiver.received.length, 100)
  t.true((await readDeliveries(pool, id)).every(row => row.state === 'delivered' && row.attempts === 1))
})

test('outcomes that one delivery has no room for do not keep the others from being saved', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const [poisoned, healthy] = [await addEndpoint(pool, tenant, { url: `${receiver.url}/poisoned` }), await addEndpoint(pool, tenant, { url: `${receiver.url}/healthy` })]
  await pool.query("ALTER TABLE webhook_attempt ADD CHECK (url NOT LIKE '%/poisoned')")
  await addEvents(pool, tenant, 20)
  await fanOut()
  const [failed, fine] = await Promise.allSettled([deliverDue(poisoned.id), deliverDue(healthy.id)])
  t.is(failed.status, 'rejected', 'Temporal shows why, and tries again')
  t.deepEqual(fine, { status: 'fulfilled', value: { kind: 'idle' } })
  t.true((await readDeliveries(pool, healthy.id)).every(row => row.state === 'delivered'))
  t.true((await readDeliveries(pool, poisoned.id)).every(row => row.state === 'pending'))
})
