import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Webhook } from 'standardwebhooks'
import { fanOut } from '../../../lib/store/fan-out.ts'
import { addEndpoint, addEvents } from '../../support/webhooks.ts'
import { openDelivery, readDeliveries } from './_delivery.ts'

/** Long gone, so that nothing of the real schedule is waited for. */
const quick = { SIRA_WEBHOOK_SCHEDULE: '0s,20ms,40ms,60ms' }

test('each event is delivered once, signed, and the attempt is recorded without secrets', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  receiver.behave(() => ({ status: 200, body: 'thank you' }))
  const { id, secrets } = await addEndpoint(pool, tenant, { url: `${receiver.url}/hook`, headers: { 'X-Team': 'blue-secret', 'webhook-id': 'mine' } })
  const events = await addEvents(pool, tenant, 25)
  await fanOut()
  t.deepEqual(await deliverDue(id), { kind: 'idle' })
  t.deepEqual(receiver.received.map(request => request.id).sort(), [...events].sort())
  for (const { headers, body } of receiver.received) {
    t.notThrows(() => new Webhook(secrets[0]!).verify(body, headers as Record<string, string>))
    t.like(headers, { 'x-team': 'blue-secret', 'content-type': 'application/json' })
  }
  t.deepEqual((await readDeliveries(pool, id)).map(({ state, attempts }) => `${state} ${attempts}`), events.map(() => 'delivered 1'))
  t.deepEqual((await pool.query('SELECT state, failures, wake_at FROM webhook_dispatch')).rows, [{ state: 'asleep', failures: 0, wake_at: null }])
  const { rows: attempts } = await pool.query('SELECT * FROM webhook_attempt')
  t.is(attempts.length, 25)
  t.like(attempts[0], { number: 1, trigger: 'event', status: 200, error_class: null, address: '127.0.0.1', response: { body: 'thank you' } })
  t.false(JSON.stringify(attempts).includes('blue-secret'))
  t.false(JSON.stringify(attempts).includes('v1,'))
  t.is((await pool.query('SELECT FROM activity_lease')).rowCount, 0)
})

test('a full payload carries what was recorded with the event', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, payload: 'full' })
  await addEvents(pool, tenant, 1, { data: { state: 'succeeded' } })
  await fanOut()
  await deliverAll(id)
  t.is((JSON.parse(receiver.received[0]!.body) as { data: { state: string } }).data.state, 'succeeded')
})

test('a failed delivery is tried again on the schedule with the same id, until it succeeds', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t, quick)
  const { id, secrets } = await addEndpoint(pool, tenant, { url: receiver.url })
  receiver.behave((_, count) => count < 2 ? { status: count === 0 ? 500 : 302, headers: { location: `${receiver.url}/elsewhere` } } : {})
  const [event] = await addEvents(pool, tenant, 1)
  await fanOut()
  await deliverAll(id)
  t.deepEqual(receiver.received.map(request => [request.id, request.path]), Array.from({ length: 3 }, () => [event, '/']), 'redirects are not followed')
  t.is(new Set(receiver.received.map(request => request.body)).size, 1)
  for (const { headers, body } of receiver.received) t.notThrows(() => new Webhook(secrets[0]!).verify(body, headers as Record<string, string>))
  t.like((await readDeliveries(pool, id))[0], { state: 'delivered', round: 2, attempts: 3 })
  t.deepEqual((await pool.query('SELECT number, status FROM webhook_attempt ORDER BY number')).rows, [{ number: 1, status: 500 }, { number: 2, status: 302 }, { number: 3, status: 204 }])
})

test('a delivery that never succeeds is exhausted after the last round, and its endpoint told to fail once', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t, quick)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url })
  receiver.behave(() => ({ status: 500 }))
  await addEvents(pool, tenant, 2)
  await fanOut()
  await deliverAll(id)
  t.deepEqual((await readDeliveries(pool, id)).map(({ state, attempts }) => `${state} ${attempts}`), ['exhausted 4', 'exhausted 4'])
  const { rows } = await pool.query<{ type: string, seq: number, data: { failures: number } }>('SELECT type, seq, data FROM event WHERE resource_id = $1', [id])
  t.like(rows, { length: 1, 0: { type: 'webhook.endpoint_failing', seq: 1 } })
  t.true(rows[0]!.data.failures >= 4)
})

test('no answer within the deadline, a broken connection and a refused one are failures with their class', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t, { SIRA_WEBHOOK_TIMEOUT_MS: '300' })
  receiver.behave(request => request.path === '/reset' ? 'reset' : 'hang')
  const endpoints = [await addEndpoint(pool, tenant, { url: `${receiver.url}/hang` }), await addEndpoint(pool, tenant, { url: `${receiver.url}/reset` }), await addEndpoint(pool, tenant)]
  await addEvents(pool, tenant, 1)
  await fanOut()
  const outcomes = await Promise.all(endpoints.map(async ({ id }) => await deliverDue(id)))
  t.deepEqual(outcomes.map(outcome => outcome.kind), ['waiting', 'waiting', 'waiting'])
  const { rows } = await pool.query<{ endpoint_id: string, error_class: string }>('SELECT endpoint_id, error_class FROM webhook_attempt JOIN webhook_delivery ON id = delivery_id')
  t.deepEqual(endpoints.map(({ id }) => rows.find(row => row.endpoint_id === id)!.error_class), ['timeout', 'reset', 'connect'])
})

test('the time that Retry-After names is waited for, and the endpoint rests until then', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t, quick)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, concurrency: 1 })
  receiver.behave(() => ({ status: 429, headers: { 'retry-after': '3600' } }))
  await addEvents(pool, tenant, 5)
  await fanOut()
  const outcome = await deliverDue(id)
  t.is(receiver.received.length, 1, 'the others are not tried')
  t.is(outcome.kind, 'waiting')
  const rest = outcome.kind === 'waiting' ? Date.parse(outcome.dueAt) - Date.now() : 0
  t.true(rest > 3_500_000 && rest <= 3_600_000, `${rest}`)
})

test('410 disables the endpoint, withdraws what is pending and is told in an event', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, concurrency: 1 })
  receiver.behave(() => ({ status: 410 }))
  await addEvents(pool, tenant, 5)
  await fanOut()
  t.deepEqual(await deliverDue(id), { kind: 'idle' })
  t.deepEqual((await readDeliveries(pool, id)).map(row => row.state), Array.from({ length: 5 }, () => 'disabled'))
  t.like((await pool.query('SELECT status, disabled_reason FROM webhook_endpoint')).rows[0], { status: 'disabled', disabled_reason: 'gone' })
  const { rows } = await pool.query('SELECT type, data FROM event WHERE resource_id = $1', [id])
  t.like(rows, { length: 1, 0: { type: 'webhook.endpoint_disabled', data: { reason: 'gone' } } })
})

test('an endpoint is disabled after nothing but failure for its time and 20 attempts', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t, { ...quick, SIRA_WEBHOOK_DISABLE_AFTER: '5d' })
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url })
  receiver.behave(() => ({ status: 500 }))
  await pool.query("UPDATE webhook_dispatch SET failures = 17, failing_since = now() - interval '6 days', failing_told = true")
  await addEvents(pool, tenant, 1)
  await fanOut()
  await deliverAll(id)
  t.is(receiver.received.length, 3)
  t.like((await readDeliveries(pool, id))[0], { state: 'disabled', attempts: 3 })
  t.like((await pool.query('SELECT disabled_reason FROM webhook_endpoint')).rows[0], { disabled_reason: 'failing' })
  t.like((await pool.query('SELECT type, data FROM event WHERE resource_id = $1', [id])).rows, { length: 1, 0: { type: 'webhook.endpoint_disabled', data: { reason: 'failing', failures: 20 } } })
})

test('a delivery goes to another target at once when one fails', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const targets = [{ url: `${receiver.url}/a`, weight: 1_000_000 }, { url: `${receiver.url}/b`, weight: 1 }]
  const { id } = await addEndpoint(pool, tenant, { targets })
  receiver.behave(request => ({ status: request.path === '/a' ? 503 : 200 }))
  await addEvents(pool, tenant, 1)
  await fanOut()
  t.deepEqual(await deliverDue(id), { kind: 'idle' })
  t.deepEqual(receiver.received.map(request => request.path), ['/a', '/b'])
  t.like((await readDeliveries(pool, id))[0], { state: 'delivered', round: 0, attempts: 2 })
})

test('in ordered mode an event waits for the success of the one before, and other resources do not', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t, quick)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, ordered: true })
  const failures = new Map<string, number>()
  receiver.behave(({ body }) => {
    const { data, sequence } = JSON.parse(body) as { data: { id: string }, sequence: number }
    const failed = failures.get(data.id + sequence) ?? 0
    failures.set(data.id + sequence, failed + 1)
    return { status: data.id === 'batch_a' && failed < 2 ? 500 : 200 }
  })
  await addEvents(pool, tenant, 4, { resourceId: 'batch_a' })
  await addEvents(pool, tenant, 4, { resourceId: 'batch_b' })
  await fanOut()
  await deliverAll(id)
  const sequences = (resource: string): number[] => receiver.received.flatMap(({ body }) => {
    const event = JSON.parse(body) as { data: { id: string }, sequence: number }
    return event.data.id === resource ? [event.sequence] : []
  })
  t.deepEqual(sequences('batch_a'), [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])
  t.deepEqual(sequences('batch_b'), [1, 2, 3, 4])
})

test('requests keep to the rate and the concurrency of their endpoint', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t)
  const slow = await addEndpoint(pool, tenant, { url: `${receiver.url}/paced`, requestsPerSecond: 20 })
  await addEvents(pool, tenant, 20)
  await fanOut()
  await deliverAll(slow.id)
  const at = receiver.received.map(request => request.at)
  t.true(at.at(-1)! - at[0]! >= 840, `${at.at(-1)! - at[0]!} ms for 20 requests, of which up to 100 ms are made up for`)

  const narrow = await addEndpoint(pool, tenant, { url: `${receiver.url}/narrow`, concurrency: 3 })
  receiver.behave(() => ({ delay: 30 }))
  receiver.load.most = 0
  await pool.query("UPDATE webhook_endpoint SET status = 'disabled' WHERE id = $1", [slow.id])
  await addEvents(pool, tenant, 30)
  await fanOut()
  await deliverAll(narrow.id)
  t.is(receiver.load.most, 3)
})

test('a failing endpoint is tried with one request at a time until it succeeds', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t, quick)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url })
  await pool.query('UPDATE webhook_dispatch SET failures = 4, failing_since = now(), failing_told = true')
  const loads: number[] = []
  receiver.behave(() => {
    loads.push(receiver.load.now)
    return loads.length <= 3 ? { status: 500, delay: 20 } : { delay: 20 }
  })
  await addEvents(pool, tenant, 20)
  await fanOut()
  await deliverAll(id)
  t.deepEqual(loads.slice(0, 4), [1, 1, 1, 1])
  t.true(Math.max(...loads) > 1)
  t.deepEqual((await pool.query('SELECT failures, failing_since, failing_told FROM webhook_dispatch')).rows, [{ failures: 0, failing_since: null, failing_told: false }])
})

test('an endpoint that is disabled or deleted while it is delivered to gets nothing more within a second or so', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const disabled = await addEndpoint(pool, tenant, { url: `${receiver.url}/disabled`, concurrency: 1 })
  const deleted = await addEndpoint(pool, tenant, { url: `${receiver.url}/deleted`, concurrency: 1 })
  receiver.behave(() => ({ delay: 20 }))
  await addEvents(pool, tenant, 500)
  await fanOut()
  const runs = Promise.all([deliverDue(disabled.id), deliverDue(deleted.id)])
  await Promise.all([receiver.arrived(5, '/disabled'), receiver.arrived(5, '/deleted')])
  await pool.query("UPDATE webhook_endpoint SET status = 'disabled' WHERE id = $1", [disabled.id])
  await pool.query('DELETE FROM webhook_endpoint WHERE id = $1', [deleted.id])
  t.deepEqual(await runs, [{ kind: 'idle' }, { kind: 'idle' }])
  t.true(receiver.received.length < 600, `${receiver.received.length} of 1,000`)
  const pending = (await readDeliveries(pool, disabled.id)).filter(row => row.state === 'pending')
  t.deepEqual(pending, [], 'what was pending is withdrawn')
})

test('deliveries are signed with every secret that is valid, and no longer with one that has expired', async t => {
  const { pool, tenant, receiver, fanOut, deliverAll } = await openDelivery(t)
  const { createHmacSecret } = await import('../../../lib/webhooks/secrets.ts')
  const [fresh, old, expired] = [createHmacSecret(), createHmacSecret(), createHmacSecret()]
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, secrets: [fresh, old, expired] })
  await pool.query("UPDATE webhook_secret SET expires_at = now() + interval '1 hour' WHERE id = (SELECT id FROM webhook_secret ORDER BY created_at DESC OFFSET 1 LIMIT 1)")
  await pool.query('UPDATE webhook_secret SET expires_at = now() WHERE id = (SELECT id FROM webhook_secret ORDER BY created_at LIMIT 1)')
  await addEvents(pool, tenant, 1)
  await fanOut()
  await deliverAll(id)
  const { headers, body } = receiver.received[0]!
  const verifies = (secret: string): boolean => {
    try {
      return new Webhook(secret).verify(body, headers as Record<string, string>) !== undefined
    } catch {
      return false
    }
  }
  t.deepEqual([fresh, old, expired].map(verifies), [true, true, false])
})

test('a burst that comes while a dispatcher lingers costs no new activity', async t => {
  const { pool, tenant, receiver, fanOut: fanOutHere, deliverDue } = await openDelivery(t)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url })
  await addEvents(pool, tenant, 1)
  await fanOutHere()
  const run = deliverDue(id)
  await receiver.arrived(1)
  await addEvents(pool, tenant, 50)
  t.deepEqual((await fanOut(pool)).wake, [], 'found by looking, as in another worker')
  await receiver.arrived(51)
  t.deepEqual(await run, { kind: 'idle' })
})

test('a worker that shuts down ends its attempts under way and hands the rest over', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url, concurrency: 2 })
  receiver.behave(() => ({ delay: 100 }))
  await addEvents(pool, tenant, 20)
  await fanOut()
  const outcome = deliverDue(id, environment => {
    receiver.arrived(2).then(() => { environment.cancel('WORKER_SHUTDOWN') }, () => {})
  })
  t.deepEqual(await outcome, { kind: 'more' })
  const delivered = (await readDeliveries(pool, id)).filter(row => row.state === 'delivered').length
  t.is(delivered, receiver.received.length)
  t.true(delivered < 20)
  t.is((await pool.query('SELECT FROM activity_lease')).rowCount, 0)
})

test('a second attempt of the activity in the same process joins the first', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url })
  receiver.behave(() => ({ delay: 50 }))
  await addEvents(pool, tenant, 30)
  await fanOut()
  t.deepEqual(await Promise.all([deliverDue(id), deliverDue(id)]), [{ kind: 'idle' }, { kind: 'idle' }])
  t.is(receiver.received.length, 30)
})

test('an endpoint whose secrets cannot be opened is sent nothing, and nothing is charged to it', async t => {
  const { pool, tenant, receiver, fanOut, deliverDue } = await openDelivery(t)
  const { id } = await addEndpoint(pool, tenant, { url: receiver.url })
  await pool.query("UPDATE webhook_secret SET kek = 'lost'")
  await addEvents(pool, tenant, 1)
  await fanOut()
  await t.throwsAsync(deliverDue(id), { message: /SIRA_ENCRYPTION_KEYS/ })
  await sleep(50)
  t.is(receiver.received.length, 0)
  t.like((await readDeliveries(pool, id))[0], { state: 'pending', attempts: 0 })
  t.is((await pool.query('SELECT FROM activity_lease')).rowCount, 0)
})
