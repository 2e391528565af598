import test from 'ava'
import { Webhook } from 'standardwebhooks'
import { call, startTestApi, type TestApi } from '../support/api.ts'
import { followJob, waitFor } from '../support/api-batch.ts'
import { openReceiver } from '../support/webhook-receiver.ts'

let api: TestApi
test.before(async () => { api = await startTestApi({ worker: true }) })
test.after.always(async () => { await api.close() })

const inline = { endpoint: '/v1/embeddings', requests: [{ custom_id: 'a', body: { model: 'sim-embed', input: 'x' } }] }

test('the endpoint of a job gets every event of that job from the first to the last, signed with the secret that the creation told', async t => {
  const receiver = await openReceiver(t)
  const { body } = await call(api, 'POST', '/api/v1/batch', { body: { ...inline, webhook_url: `${receiver.url}/job` } })
  await call(api, 'POST', '/api/v1/batch', { body: inline })
  await followJob(api, body.id)
  // an event is in the feed once it has been fanned out
  let types: string[] = []
  await waitFor(async () => {
    const { body: { data } } = await call(api, 'GET', `/api/v1/events?resource_id=${body.id}`)
    types = (data as Array<{ type: string }>).map(event => event.type).sort()
    return types.includes('batch.created') && types.includes('batch.completed')
  })
  await receiver.arrived(types.length)
  t.deepEqual([...new Set(receiver.received.map(request => JSON.parse(request.body).type as string))].sort(), types)
  for (const request of receiver.received) {
    t.is(JSON.parse(request.body).data.id, body.id)
    t.notThrows(() => new Webhook(body.webhook.secret).verify(request.body, request.headers as Record<string, string>))
  }
})

test('what an endpoint missed while it was disabled is delivered when it is enabled, and a retry delivers once more', async t => {
  const receiver = await openReceiver(t)
  const { body: endpoint } = await call(api, 'POST', '/api/v1/webhooks', { body: { url: `${receiver.url}/missed`, event_types: ['batch.completed'], enabled: false } })
  const log = `/api/v1/webhooks/${endpoint.id}/deliveries`
  const { body } = await call(api, 'POST', '/api/v1/batch', { body: inline })
  await followJob(api, body.id)
  await waitFor(async () => (await call(api, 'GET', `${log}?state=disabled`)).body.data.some((delivery: { resource_id: string }) => delivery.resource_id === body.id))
  t.is(receiver.received.length, 0)
  await call(api, 'POST', `/api/v1/webhooks/${endpoint.id}/enable`, { body: { replay_missed: true } })
  const delivered = async (attempts: number): Promise<string | undefined> => (await call(api, 'GET', `${log}?state=delivered`)).body.data
    .find((delivery: { resource_id: string, attempts: number }) => delivery.resource_id === body.id && delivery.attempts === attempts)?.id
  await waitFor(async () => await delivered(1) !== undefined)
  await call(api, 'POST', `${log}/${await delivered(1)}/retry`)
  await waitFor(async () => await delivered(2) !== undefined)
  const ids = receiver.received.filter(request => JSON.parse(request.body).data.id === body.id).map(request => request.id)
  t.deepEqual([ids.length, new Set(ids).size], [2, 1], 'the same webhook-id')
})
