import { once } from 'node:events'
import test from 'ava'
import { WebSocket } from 'ws'
import { call, startTestApi, type TestApi } from '../../support/api.ts'
import { createTestTenant } from '../../support/tenant.ts'

let api: TestApi
test.before(async () => { api = await startTestApi({ variables: { SIRA_TRUSTED_PROXIES: '127.0.0.1' } }) })
test.after.always(async () => { await api.close() })

async function statusOfSocket (headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/api/v1/chat/stream`, [], { headers })
  socket.on('error', () => {}) // comes after the answer that is looked at
  const [status] = await Promise.race([once(socket, 'upgrade').then(() => [101]), once(socket, 'unexpected-response').then(([, response]) => [(response as { statusCode: number }).statusCode])]) as [number]
  socket.terminate()
  return status
}

test('behind a proxy a chat socket is judged by the address of the client, as a request is', async t => {
  const { key, caller } = await createTestTenant(api.pool)
  for (const [range, client, allowed] of [
    ['203.0.113.0/24', '203.0.113.7', true],
    ['203.0.113.0/24', '198.51.100.1', false],
    ['127.0.0.0/8', '198.51.100.1', false], // the proxy's own address opens nothing
    ['203.0.113.0/24', '203.0.113.7, 198.51.100.1', false] // what is not said by the proxy
  ] as const) {
    await api.pool.query('UPDATE api_key SET allowed_ips = $2 WHERE id = $1', [caller.keyId, [range]])
    await api.control.refresh()
    const headers = { 'x-forwarded-for': client }
    const what = `${client} of ${range}`
    t.is((await call(api, 'GET', '/api/v1/me', { key, headers })).status, allowed ? 200 : 403, what)
    t.is(await statusOfSocket({ authorization: `Bearer ${key}`, ...headers }), allowed ? 101 : 403, what)
  }
})
