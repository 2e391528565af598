import { Writable } from 'node:stream'
import test from 'ava'
import { pino } from 'pino'
import { rotateDueKeys } from '../../lib/control/rotate-keys.ts'
import { createKeyring } from '../../lib/crypto/seal.ts'
import { call, startTestApi, type Answer } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'
import { dumpDatabase } from './_webhooks.ts'

test('a provider\'s credential and the text of a key are in no table, no log line and no answer but the one that made the key', async t => {
  const lines: string[] = []
  const log = pino({ level: 'trace' }, new Writable({ write (chunk, _encoding, done) { lines.push(String(chunk)); done() } }))
  const api = await startTestApi({ log })
  t.teardown(async () => { await api.close() })
  const { key: admin } = await createTestTenant(api.pool, ['admin'])
  const canary = 'sk-CANARYofAprovider0123456789'
  const answers: string[] = []
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const answer = await call(api, method, `/api/v1${path}`, { key: admin, headers, ...(body === undefined ? {} : { body }) })
    return answer
  }
  const keep = async (...args: Parameters<typeof send>): Promise<Answer> => {
    const answer = await send(...args)
    answers.push(answer.text + JSON.stringify([...answer.headers]))
    return answer
  }
  const headers = { 'idempotency-key': 'canary' }
  await keep('POST', '/providers', { name: 'mine', kind: 'openai', base_url: 'https://127.0.0.1:9/v1' })
  t.is((await keep('POST', '/providers/mine/credentials', { name: 'a', secret: canary }, headers)).status, 201)
  t.is((await keep('POST', '/providers/mine/credentials', { name: 'a', secret: canary }, headers)).headers.get('idempotent-replayed'), 'true')
  t.is((await keep('POST', '/providers/mine/credentials', { name: 'a', secret: `${canary} with a space` })).status, 400)
  t.is((await keep('POST', '/providers/mine/credentials', { name: 'a', secret: canary, extra: canary })).status, 400)
  t.is((await keep('POST', '/providers/nobody/credentials', { name: 'a', secret: canary })).status, 404)
  const made = await send('POST', '/keys', { name: 'k', rotate_every_days: 1 }, { 'idempotency-key': 'made' })
  t.is(made.status, 201)
  const { id, key } = made.body as { id: string, key: string }
  t.is((await keep('POST', '/keys', { name: 'k', rotate_every_days: 1 }, headers)).status, 409, 'the key of another request')
  const rotated = (await send('POST', `/keys/${id}/rotate`, {}, { 'idempotency-key': 'rotate' })).body as { key: string }
  t.is((await keep('POST', `/keys/${id}/rotate`, {}, { 'idempotency-key': 'rotate' })).body.key, null)
  await api.pool.query("UPDATE api_key SET rotate_at = now() - interval '1 second' WHERE id = $1", [id])
  t.is(await rotateDueKeys({ pool: api.pool, keyring: createKeyring(api.config.control.encryptionKeys!), log }), 1)
  const waiting = await dumpDatabase(api.pool)
  const claimed = (await send('POST', `/keys/${id}/claim`)).body as { key: string }
  t.is((await keep('POST', `/keys/${id}/claim`)).status, 404)
  t.is((await call(api, 'GET', '/api/v1/me', { key: claimed.key })).status, 200)
  for (const path of ['/providers', '/providers/mine', '/providers/mine/credentials', '/keys', `/keys/${id}`, '/models', '/me']) t.is((await keep('GET', path)).status, 200)
  await keep('PATCH', '/providers/mine', { base_url: 'https://evil.example' })
  t.is((await call(api, 'GET', '/api/v1/me', { key: `${key}x` })).status, 401)

  const everything = { tables: waiting + await dumpDatabase(api.pool), log: lines.join(''), answers: answers.join('\n') }
  t.true(everything.log.includes('keys rotated'))
  t.true(everything.tables.includes(id) && everything.answers.includes(id))
  for (const [where, text] of Object.entries(everything)) {
    for (const secret of [canary, key, rotated.key, claimed.key, admin]) t.false(text.includes(secret.slice(5, 25)), where)
  }
})
