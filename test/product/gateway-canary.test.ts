import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { toFile } from 'openai'
import { WebSocket } from 'ws'
import { startProduct, type Product } from '../support/product.ts'
import { startEchoUpstream, type EchoUpstream } from './support/echo-upstream.ts'
import { administer, createKey, readUsage, until } from './support/gateway.ts'
import { dumpTables, readFolder, readHistories, startCollector, type Collector } from './support/sinks.ts'

// nothing in them looks like a credential: only who knows them can take them out
const fromFile = `file${randomBytes(12).toString('hex')}`
const fromApi = `stored${randomBytes(12).toString('hex')}`
const taskQueue = `test-${randomUUID()}`
const folder = mkdtempSync(join(tmpdir(), 'sira-c-'))

let product: Product
let upstream: EchoUpstream
let stranger: EchoUpstream
let collector: Collector

test.before(async () => {
  [upstream, stranger, collector] = await Promise.all([startEchoUpstream(), startEchoUpstream(), startCollector()])
  const config = join(folder, 'sira.yaml')
  writeFileSync(config, `
providers:
  - { name: owned, kind: openai, base_url: "${upstream.url}/v1", api_key_env: CANARY_KEY }
models:
  - { id: owned-model, provider: owned, price: { input: 1, output: 2 } }
  - { id: sim-fast, provider: owned, price: { input: 1, output: 2 } }
`)
  product = await startProduct({
    engines: 'shared',
    latency: 0,
    env: {
      SIRA_CONFIG: config,
      CANARY_KEY: fromFile,
      LOG_LEVEL: 'trace',
      SIRA_JOURNAL_DIR: join(folder, 'j'),
      SIRA_TASK_QUEUE: taskQueue,
      SIRA_BATCH_MAX_ATTEMPTS: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url
    }
  })
  await administer(product, 'POST', '/providers', { name: 'stored', kind: 'openai', base_url: `${upstream.url}/v1` })
  await administer(product, 'POST', '/providers/stored/credentials', { name: 'a', secret: fromApi })
  await administer(product, 'POST', '/models', { id: 'stored-model' })
  await administer(product, 'POST', '/deployments', { model_id: 'stored-model', provider: 'stored', prices: { input: 1, output: 2 } })
})
test.after.always(async () => {
  await product?.stop()
  await Promise.all([upstream?.close(), stranger?.close(), collector?.close()])
  rmSync(folder, { recursive: true, force: true })
})

const models = ['owned-model', 'stored-model']

/** Everything that a request is answered with. */
async function post (key: string, path: string, body: object, headers: Record<string, string> = {}): Promise<{ status: number, text: string }> {
  const response = await fetch(product.stack.apiUrl + path, {
    method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body: JSON.stringify(body), signal: AbortSignal.timeout(20_000)
  })
  return { status: response.status, text: JSON.stringify([...response.headers]) + await response.text() }
}

async function overSocket (key: string, model: string, content: string): Promise<string> {
  const socket = new WebSocket(`${product.stack.apiUrl.replace('http', 'ws')}/api/v1/chat/stream`, ['sira.chat', `sira.key.${key}`])
  await once(socket, 'open')
  let text = ''
  const end = new Promise<void>(resolve => {
    socket.on('message', data => {
      text += String(data)
      if (/"type":"(done|error)"/.test(text)) resolve()
    })
  })
  socket.send(JSON.stringify({ type: 'request', id: 'a', body: { model, messages: [{ role: 'user', content }] } }))
  await end
  socket.close()
  return text
}

test.serial('credentials and keys are in no answer, log, table, journal, trace, metric or history, even when a provider repeats them', async t => {
  const { pool, stack, user } = product
  const { id: keyId, key } = await createKey(product)
  const answers: string[] = []
  const statuses: number[] = []
  const chat = async (model: string, content: string, more: object = {}): Promise<void> => {
    const { status, text } = await post(key, '/v1/chat/completions', { model, messages: [{ role: 'user', content }], ...more })
    statuses.push(status)
    answers.push(text)
  }

  // usage waits in the journal as long as its table is locked
  const locker = await pool.connect()
  await locker.query('BEGIN')
  await locker.query('LOCK TABLE usage IN ACCESS EXCLUSIVE MODE')
  let journal: string
  try {
    for (const model of models) {
      await chat(model, 'fine')
      await chat(model, 'fine', { stream: true })
      for (const fault of ['400', '401', '403', '404', '408', '409', '422', '429', '500', '503', 'text', 'event']) {
        for (const stream of [false, true]) await chat(model, `[[echo:${fault}]] ${stream}`, { stream })
      }
      for (const path of ['/v1/responses', '/v1/messages']) {
        for (const stream of [false, true]) answers.push((await post(key, path, { model, stream, max_tokens: 50, input: '[[echo:400]]', messages: [{ role: 'user', content: '[[echo:400]]' }] })).text)
      }
      for (const content of ['fine', '[[echo:400]]', '[[echo:event]]']) answers.push(await overSocket(key, model, content))
    }
    answers.push((await post(`${key.slice(0, -1)}~`, '/v1/chat/completions', { model: models[0] })).text)
    answers.push((await post(key, '/v1/chat/completions', { model: models[0], messages: 'no list' }, { 'x-api-key': key })).text)
    journal = readFolder(join(folder, 'j'))
  } finally {
    await locker.query('COMMIT')
    locker.release()
  }
  t.deepEqual([...new Set(statuses)].filter(status => status < 400), [200])
  t.true(statuses.filter(status => status >= 400).length > 30)

  const lines = models.flatMap(model => ['fine', '[[echo:401]]', '[[echo:422]]', '[[echo:text]]'].map((content, line) => JSON.stringify({
    custom_id: `${model}-${line}`, method: 'POST', url: '/v1/chat/completions', body: { model, messages: [{ role: 'user', content }] }
  })))
  const file = await user.openai.files.create({ file: await toFile(Buffer.from(lines.join('\n') + '\n'), 'rows.jsonl'), purpose: 'batch' })
  let batch = await user.openai.batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' })
  const responses = await Promise.all(models.flatMap(model => ['fine', '[[echo:401]]', '[[echo:422]]'].map(async input => await user.openai.responses.create({ model, input, background: true }))))
  batch = await until('the batch is over', 60_000, async () => await user.openai.batches.retrieve(batch.id), ({ status }) => status === 'completed')
  t.deepEqual({ completed: batch.request_counts!.completed, failed: batch.request_counts!.failed }, { completed: 2, failed: 6 })
  for (const { id } of responses) {
    answers.push(JSON.stringify(await until('the response is over', 60_000, async () => await user.openai.responses.retrieve(id), ({ status }) => status === 'completed' || status === 'failed')))
  }
  for (const id of [batch.output_file_id!, batch.error_file_id!]) answers.push(await (await user.openai.files.content(id)).text())

  await until('usage is stored', 20_000, async () => (await readUsage(product)).filter(row => row.key_id === keyId).length, count => count > 50)
  await until('traces and metrics have come', 20_000, async () => collector.text(), text => text.includes('/v1/traces') && text.includes('/v1/metrics') && text.includes('stored-model'))
  const scraped = await (await fetch(`${stack.apiUrl}/metrics`, { headers: { authorization: `Bearer ${stack.adminKey}` } })).text()
  const everything = {
    answers: answers.join('\n'),
    logs: readFolder(join(stack.dataDir, 'logs')),
    tables: await dumpTables(pool),
    journal,
    telemetry: collector.text() + scraped,
    histories: await readHistories(stack.temporalAddress, taskQueue)
  }
  // each of them has what was going on here
  t.true(everything.answers.includes('[redacted]'))
  t.true(everything.logs.includes('"level":20') && everything.logs.includes('request failed') && everything.logs.includes('worker ready'))
  t.true(everything.tables.includes(keyId) && everything.tables.includes('[redacted]'))
  t.true(everything.journal.includes(keyId))
  t.true(everything.telemetry.includes(keyId) && scraped.includes('stored-model'))
  t.true(everything.histories.includes('json/plain'), 'payloads are read')
  t.true(everything.histories.includes(batch.id) && responses.every(({ id }) => everything.histories.includes(id)))
  t.true(upstream.authorizations.includes(`Bearer ${fromFile}`) && upstream.authorizations.includes(`Bearer ${fromApi}`), 'both were used')
  const secrets = { fromFile, fromApi, key: key.slice(5), userKey: user.key.slice(5), adminKey: stack.adminKey.slice(5) }
  for (const [where, text] of Object.entries(everything)) {
    for (const [name, secret] of Object.entries(secrets)) {
      const at = text.indexOf(secret)
      t.is(at, -1, `${name} in ${where}: ${text.slice(Math.max(0, at - 300), at + 100)}`)
    }
  }
})

test.serial('no server that a caller names is ever called, with or without a stored credential', async t => {
  const { key } = await createKey(product)
  const elsewhere = `${stranger.url}/v1`
  const fields = { base_url: elsewhere, baseURL: elsewhere, api_base: elsewhere, api_key: 'other', endpoint: elsewhere, provider: { base_url: elsewhere }, custom_host: elsewhere }
  const headers = {
    'x-base-url': elsewhere, 'x-sira-base-url': elsewhere, 'x-portkey-custom-host': elsewhere, 'helicone-target-url': elsewhere, 'openai-base-url': elsewhere, 'x-forwarded-host': new URL(stranger.url).host
  }
  for (const model of models) {
    // the failures of the test before have opened its circuit, for some seconds
    await until(`${model} is called again`, 30_000, async () => (await post(key, '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'fine' }] })).status, status => status === 200)
    const before = upstream.authorizations.length
    const { status } = await post(key, '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'fine' }], ...fields }, headers)
    t.is(status, 200)
    t.deepEqual(upstream.authorizations.slice(before), [`Bearer ${model === 'owned-model' ? fromFile : fromApi}`], 'the configured server is')
  }
  for (const model of [`${elsewhere}/owned-model`, `owned-model@${elsewhere}`, `openai/${elsewhere}`]) {
    t.is((await post(key, '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'fine' }] })).status, 404)
  }
  // an administrator may name one, but not for a credential that is stored
  t.is((await post(key, '/api/v1/providers', { name: 'mine', kind: 'openai', base_url: elsewhere })).status, 403)
  await t.throwsAsync(administer(product, 'PATCH', '/providers/stored', { base_url: elsewhere }), { message: /400.*stored credentials/s })
  await t.throwsAsync(administer(product, 'POST', '/providers', { name: 'owned', kind: 'openai', base_url: elsewhere }))
  t.deepEqual(stranger.authorizations, [])
})
