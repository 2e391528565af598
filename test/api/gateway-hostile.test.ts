import test from 'ava'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const path = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'hi' }]
const valid = { model: 'sim-instant', messages }
/** The direct way that plain requests take, and Fastify's. */
const ways = [path, `${path}?way=other`]
const send = async (body: unknown, way = path): Promise<Answer> => await call(api, 'POST', way, { body })

interface Case {
  readonly body: unknown
  readonly code: string
  /** undefined = there is none. */
  readonly param?: string
  readonly status?: number
}

/** Bodies that are wrong, and what is said of them. */
const wrong: Readonly<Record<string, Case>> = {
  'no JSON': { body: '{"model": "sim-instant", "messages": [', code: 'invalid_json' },
  'text after the end': { body: JSON.stringify(valid) + '}', code: 'invalid_json' },
  'an array': { body: '[]', code: 'invalid_json' },
  'a text': { body: '"hello"', code: 'invalid_json' },
  null: { body: 'null', code: 'invalid_json' },
  'an empty body': { body: '', code: 'invalid_json' },
  spaces: { body: '   \n', code: 'invalid_json' },
  'a byte order mark alone': { body: '\ufeff', code: 'invalid_json' },
  'NaN for a number': { body: '{"model":"sim-instant","messages":[{"role":"user","content":"hi"}],"temperature":NaN}', code: 'invalid_json' },
  'a control character in a text': { body: '{"model":"sim-instant\u0001","messages":[]}', code: 'invalid_json' },
  '__proto__ for a message': { body: '{"model":"sim-instant","__proto__":{"messages":[{"role":"user","content":"hi"}]}}', code: 'missing_parameter', param: 'messages' },
  'nothing in it': { body: {}, code: 'missing_parameter', param: 'model' },
  'no messages': { body: { model: 'sim-instant' }, code: 'missing_parameter', param: 'messages' },
  'empty messages': { body: { ...valid, messages: [] }, code: 'invalid_parameter', param: 'messages' },
  'an unknown model': { body: { ...valid, model: 'constructor' }, code: 'model_not_found', param: 'model', status: 404 },
  'a model __proto__': { body: { ...valid, model: '__proto__' }, code: 'model_not_found', param: 'model', status: 404 },
  'an unknown role': { body: { ...valid, messages: [{ role: 'wizard', content: 'hi' }] }, code: 'invalid_parameter', param: 'messages.0.role' },
  'no role': { body: { ...valid, messages: [{ content: 'hi' }] }, code: 'missing_parameter', param: 'messages.0.role' },
  'no content': { body: { ...valid, messages: [{ role: 'user' }] }, code: 'missing_parameter', param: 'messages[0].content' },
  'a message that is null': { body: { ...valid, messages: [null] }, code: 'invalid_parameter', param: 'messages.0' },
  'content of another type': { body: { ...valid, messages: [{ role: 'user', content: 7 }] }, code: 'invalid_parameter', param: 'messages.0.content' },
  'an unknown part': { body: { ...valid, messages: [{ role: 'user', content: [{ type: 'toString', text: 'hi' }] }] }, code: 'invalid_parameter', param: 'messages[0].content[0].type' },
  'a part without its payload': { body: { ...valid, messages: [{ role: 'user', content: [{ type: 'text' }] }] }, code: 'missing_parameter', param: 'messages[0].content[0].text' },
  '10,000 tools': { body: { ...valid, tools: Array.from({ length: 10_000 }, (_, at) => ({ type: 'function', function: { name: `tool_${at}`, parameters: { type: 'object' } } })) }, code: 'invalid_parameter', param: 'tools' },
  'a huge number': { body: '{"model":"sim-instant","messages":[{"role":"user","content":"hi"}],"max_tokens":1e999}', code: 'invalid_parameter', param: 'max_tokens' },
  'a number beyond whole numbers': { body: '{"model":"sim-instant","messages":[{"role":"user","content":"hi"}],"temperature":123456789012345678901234567890}', code: 'invalid_parameter', param: 'temperature' },
  'the same key twice, the last one wrong': { body: '{"model":"sim-instant","messages":[{"role":"user","content":"hi"}],"n":1,"n":"x"}', code: 'invalid_parameter', param: 'n' },
  'deep arrays': { body: `{"model":"sim-instant","messages":[{"role":"user","content":"hi"}],"metadata":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, code: 'invalid_json' },
  'deep objects': { body: `{"model":"sim-instant","messages":[{"role":"user","content":"hi"}],"x":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`, code: 'invalid_json' },
  'an unknown preset': { body: { ...valid, preset: '__proto__' }, code: 'invalid_parameter', param: 'preset' }
}

/** Fields and a value that none of them can have. */
const wrongTypes: Readonly<Record<string, unknown>> = {
  model: 7, messages: 'hi', stream: 'true', stream_options: [], temperature: 'hot', top_p: 1.5, presence_penalty: {}, frequency_penalty: -3, n: 0, stop: 7,
  logit_bias: [], seed: 1.5, max_completion_tokens: -1, max_tokens: 'many', logprobs: 1, top_logprobs: 21, tools: {}, tool_choice: 1, parallel_tool_calls: 'no',
  functions: 'all', function_call: [], response_format: 'json', reasoning_effort: 1, verbosity: [], service_tier: {}, modalities: 'text', audio: 'loud', prediction: 'x',
  web_search_options: 'x', store: 'yes', metadata: { a: 1 }, user: {}, safety_identifier: 7, prompt_cache_key: 7
}

for (const [what, { body, code, param, status = 400 }] of Object.entries(wrong)) {
  test.serial(`a chat body with ${what} is refused as ${code}${param === undefined ? '' : ` of ${param}`}`, async t => {
    const before = api.simulator.stats().calls
    for (const way of ways) {
      const answer = await send(body, way)
      t.is(answer.status, status, answer.text.slice(0, 300))
      t.is(answer.body.error.code, code, answer.text.slice(0, 300))
      t.is(answer.body.error.param, param ?? null)
      t.is(answer.headers.get('x-should-retry'), 'false')
      t.truthy(answer.headers.get('x-request-id'))
    }
    t.is(api.simulator.stats().calls, before, 'nothing reaches the provider')
  })
}

test.serial('every field of a chat body with a value of the wrong type is refused by its name', async t => {
  const before = api.simulator.stats().calls
  for (const [field, value] of Object.entries(wrongTypes)) {
    const answer = await send({ ...valid, [field]: value })
    t.is(answer.status, 400, field)
    t.is(answer.body.error.code, 'invalid_parameter', field)
    t.is(answer.body.error.param.split('.')[0], field)
  }
  t.is(api.simulator.stats().calls, before)
})

test.serial('invalid UTF-8, a missing and a foreign content type, and a body beyond the limit are refused, each as what it is', async t => {
  const before = api.simulator.stats().calls
  const post = async (body: Uint8Array | string | null, type: string | null): Promise<[number, string]> => {
    const response = await fetch(api.url + path, { method: 'POST', headers: { authorization: `Bearer ${api.key}`, ...(type === null ? {} : { 'content-type': type }) }, body })
    return [response.status, (await response.json() as { error: { code: string } }).error.code]
  }
  const invalid = Buffer.concat([Buffer.from('{"model":"sim-instant","messages":[{"role":"user","content":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}]}')])
  t.deepEqual(await post(invalid, 'application/json'), [400, 'invalid_json'])
  t.deepEqual(await post(Buffer.from(JSON.stringify(valid), 'utf16le'), 'application/json'), [400, 'invalid_json'])
  t.deepEqual(await post(Buffer.from(JSON.stringify(valid)), null), [415, 'unsupported_media_type'])
  t.deepEqual(await post(JSON.stringify(valid), 'text/plain'), [415, 'unsupported_media_type'])
  t.deepEqual(await post('model=sim-instant', 'application/x-www-form-urlencoded'), [415, 'unsupported_media_type'])
  t.deepEqual(await post(null, 'application/json'), [400, 'invalid_json'])
  t.deepEqual(await post(null, null), [400, 'invalid_parameter'], 'no body at all')
  t.deepEqual(await post(Buffer.alloc(api.config.api.bodyLimit + 1, 'a'), 'application/json'), [413, 'payload_too_large'])
  t.is(api.simulator.stats().calls, before)
})

test.serial('each refusal takes less than 50 ms of work, so the event loop is held up no longer', async t => {
  // work, not time: what another process takes from this one is none of its doing. Of several tries the best: nor is garbage
  const slow: Record<string, number> = {}
  for (const [what, { body }] of Object.entries(wrong)) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    let least = Infinity
    for (let round = 0; round < 10 && least > 50; round++) {
      const before = process.cpuUsage()
      await send(text)
      const { user, system } = process.cpuUsage(before) // the caller's work too
      least = Math.min(least, (user + system) / 1000)
    }
    if (least > 50) slow[what] = least
  }
  t.deepEqual(slow, {})
})

test.serial('what a preset adds is refused as in a body, by every provider and surface, and reaches none', async t => {
  const { key } = await createTestTenant(api.pool)
  const bodies = { '/v1/chat/completions': { messages: valid.messages }, '/v1/responses': { input: 'Hello' }, '/v1/messages': { messages: valid.messages, max_tokens: 10 } }
  const hostile: Readonly<Record<string, object>> = { tools: { tools: 'x' }, temperature: { temperature: {} }, stream: { stream: 'yes' }, metadata: { metadata: 7 }, tool_choice: { tool_choice: 7 } }
  const before = api.simulator.calls().length
  for (const [param, parameters] of Object.entries(hostile)) {
    t.is((await call(api, 'POST', '/api/v1/presets', { key, body: { name: param, parameters } })).status, 201)
    for (const [path, body] of Object.entries(bodies)) {
      for (const model of ['sim-instant', 'sim-claude']) {
        const { status, text } = await call(api, 'POST', path, { key, body: { model, preset: param, ...body } })
        t.is(status, 400, `${path} ${model} ${param}: ${text}`)
        t.regex(text, new RegExp(param))
      }
    }
  }
  t.is(api.simulator.calls().length, before)
})
