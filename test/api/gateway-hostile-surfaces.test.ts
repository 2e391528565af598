import { randomBytes } from 'node:crypto'
import { request as openRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { startTestApi, type TestApi } from '../support/api.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

type Body = Readonly<Record<string, unknown>>
interface Surface { readonly path: string, readonly valid: Body, /** A field that takes numbers. */ readonly number: string | null, /** The field of the conversation, with an unknown role in it. */ readonly unknownRole: Body | null, readonly tool: object | null }

const hello = [{ role: 'user', content: 'hi' }]
const wizard = [{ role: 'wizard', content: 'hi' }]
const surfaces: Readonly<Record<string, Surface>> = {
  chat: { path: '/v1/chat/completions', valid: { model: 'sim-instant', messages: hello }, number: 'max_tokens', unknownRole: { messages: wizard }, tool: { type: 'function', function: { name: 't' } } },
  completions: { path: '/v1/completions', valid: { model: 'sim-instant', prompt: 'hi' }, number: 'max_tokens', unknownRole: null, tool: null },
  responses: { path: '/v1/responses', valid: { model: 'sim-instant', input: 'hi' }, number: 'max_output_tokens', unknownRole: { input: wizard }, tool: { type: 'function', name: 't' } },
  'background responses': { path: '/v1/responses', valid: { model: 'sim-instant', input: 'hi', background: true }, number: 'max_output_tokens', unknownRole: { input: wizard }, tool: { type: 'function', name: 't' } },
  messages: { path: '/v1/messages', valid: { model: 'sim-claude', max_tokens: 10, messages: hello }, number: 'max_tokens', unknownRole: { messages: wizard }, tool: { name: 't', input_schema: { type: 'object' } } },
  embeddings: { path: '/v1/embeddings', valid: { model: 'sim-embed', input: 'hi' }, number: 'dimensions', unknownRole: null, tool: null },
  moderations: { path: '/v1/moderations', valid: { model: 'sim-moderation', input: 'hi' }, number: null, unknownRole: null, tool: null }
}

interface Sent { readonly status: number, readonly code: string | undefined, readonly param: string | null | undefined, readonly text: string }

/** `chunked` = without a Content-Length. */
async function send (path: string, body: string | Uint8Array, { headers = {}, chunked = false }: { headers?: Record<string, string>, chunked?: boolean } = {}): Promise<Sent> {
  const bytes = Buffer.from(body)
  const answer = await new Promise<{ status: number, text: string }>((resolve, reject) => {
    const request = openRequest(api.url + path, {
      method: 'POST', agent: false, headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json', ...(chunked ? {} : { 'content-length': bytes.length }), ...headers }
    }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => { text += piece }).on('end', () => { resolve({ status: response.statusCode!, text }) })
    })
    request.on('error', reject)
    if (!chunked) request.end(bytes)
    else {
      for (let at = 0; at < bytes.length; at += 50_000) request.write(bytes.subarray(at, at + 50_000))
      request.end()
    }
  })
  const error = (JSON.parse(answer.text) as { error?: { code?: string, param?: string | null } | null }).error
  return { ...answer, code: error?.code, param: error?.param }
}

async function count (where: string): Promise<number> {
  return (await api.pool.query<{ count: number }>(`SELECT count(*)::integer AS count FROM ${where}`)).rows[0]!.count
}

/** What makes a body large, so that it is read in a thread; passed over by every surface. */
const padding = { padding: 'x'.repeat(1_200_000) }

for (const [name, { path, valid, number, unknownRole, tool }] of Object.entries(surfaces)) {
  for (const size of ['small', 'large']) {
    const own = size === 'large' ? { ...valid, ...padding } : valid
    /** `fields`: JSON text that comes after the others. */
    const withText = (fields: string): string => `${JSON.stringify(own).slice(0, -1)},${fields}}`
    const refused: Record<string, [body: string | Uint8Array, code: string]> = {
      'no end': [JSON.stringify(own).slice(0, -1), 'invalid_json'],
      'text after its end': [JSON.stringify(own) + '}', 'invalid_json'],
      'deep arrays': [withText(`"x":${'['.repeat(100_000)}${']'.repeat(100_000)}`), 'invalid_json'],
      'deep objects': [withText(`"x":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`), 'invalid_json'],
      'invalid UTF-8': [Buffer.concat([Buffer.from(withText('"x":"')).subarray(0, -1), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')]), 'invalid_json'],
      'half a UTF-8 character at its end': [Buffer.concat([Buffer.from(JSON.stringify(own)), Buffer.from([0xe2, 0x82])]), 'invalid_json'],
      'a byte order mark before it': ['\ufeff' + JSON.stringify(own), 'invalid_json'],
      'gzip, which it does not say': [gzipSync(JSON.stringify(own)), 'invalid_json'],
      'the model twice, the last one a number': [withText('"model":7'), 'invalid_parameter'],
      'an unknown model': [JSON.stringify({ ...own, model: '__proto__' }), 'model_not_found'],
      'a model with a zero byte': [JSON.stringify({ ...own, model: 'a\u0000b' }), 'model_not_found'],
      'a lone surrogate for a model': [withText('"model":"\\ud800"'), 'model_not_found'],
      ...(name === 'moderations' ? {} : { 'no model': [JSON.stringify({ ...own, model: undefined }), 'missing_parameter'] as [string, string] }),
      ...(number === null ? {} : { 'an endless number': [withText(`"${number}":1e999`), 'invalid_parameter'] as [string, string] }),
      ...(unknownRole === null ? {} : { 'an unknown role': [JSON.stringify({ ...own, ...unknownRole }), 'invalid_parameter'] as [string, string] }),
      ...(tool === null ? {} : { '10,000 tools': [JSON.stringify({ ...own, tools: Array.from({ length: 10_000 }, () => tool) }), 'invalid_parameter'] as [string, string] }),
      ...(size === 'small' ? {} : { 'three million values': [withText(`"x":[${'[],'.repeat(3_000_000)}0]`), 'invalid_json'] as [string, string], '2,000 fields': [withText(Array.from({ length: 2_000 }, (_, place) => `"f${place}":1`).join(',')), 'invalid_json'] as [string, string] })
    }
    test.serial(`a ${size} body of ${name} that is hostile is refused with a code, and nothing reaches the provider`, async t => {
      const before = api.simulator.stats().calls
      for (const [what, [body, code]] of Object.entries(refused)) {
        for (const chunked of [false, true]) {
          const answer = await send(path, body, { chunked })
          t.is(answer.code, code, `${what}: ${answer.status} ${answer.text.slice(0, 300)}`)
          t.true(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`)
        }
      }
      t.is(api.simulator.stats().calls, before)
      t.is(await count('response WHERE background'), 0)
    })

    if (name !== 'background responses') {
      test.serial(`a ${size} body of ${name} is answered without a length, with keys of prototypes, zero bytes and lone surrogates`, async t => {
        const before = await count('usage WHERE status = 200')
        // Anthropic refuses fields that it does not know; translated to chat they are left out
        const model = name === 'messages' ? '"model":"sim-instant",' : ''
        const answer = await send(path, withText(`${model}"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"user":"a\\u0000b\\ud800"`), { chunked: true })
        t.is(answer.status, 200, answer.text.slice(0, 300))
        t.is(({} as { polluted?: number }).polluted, undefined)
        await api.gateway.journal.flush()
        t.is(await count('usage WHERE status = 200'), before + 1, 'it is in the books')
      })
    }
  }

  test.serial(`a body of ${name} of a foreign type or encoding, and one beyond the limit, is refused with a code`, async t => {
    const before = api.simulator.stats().calls
    const text = JSON.stringify(valid)
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded']) {
      t.is((await send(path, text, { headers: { 'content-type': type } })).code, 'unsupported_media_type', type)
    }
    for (const [encoding, body] of [['gzip', gzipSync(text)], ['GZIP', randomBytes(3_000_000)], ['br', text], ['gzip, identity', text]] as const) {
      for (const chunked of [false, true]) t.like(await send(path, body, { headers: { 'content-encoding': encoding }, chunked }), { status: 415, code: 'unsupported_media_type' }, encoding)
    }
    t.regex((await send(path, gzipSync(text), { headers: { 'content-encoding': 'gzip' } })).text, /Content-Encoding gzip is not supported/)
    for (const chunked of [false, true]) t.like(await send(path, Buffer.alloc(api.config.api.bodyLimit + 1, ' '), { chunked }), { status: 413, code: 'payload_too_large' })
    t.is(api.simulator.stats().calls, before)
  })
}

test.serial('a stored response named with a zero byte or a lone surrogate is refused with a code', async t => {
  for (const background of [false, true]) {
    t.like(await send('/v1/responses', `{"model":"sim-instant","input":"hi","background":${background},"previous_response_id":"a\\u0000b"}`), { status: 400, code: 'invalid_request' })
    t.like(await send('/v1/responses', `{"model":"sim-instant","input":"hi","background":${background},"previous_response_id":"\\ud800"}`), { status: 404, code: 'not_found' })
  }
  t.like(await send('/v1/responses', '{"model":"sim-instant","input":[{"type":"item_reference","id":"a\\u0000b"}]}'), { status: 400, code: 'invalid_request' })
  for (const [method, path] of [['GET', ''], ['GET', '/input_items'], ['POST', '/cancel'], ['DELETE', '']] as const) {
    const response = await fetch(`${api.url}/v1/responses/a%00b${path}`, { method, headers: { authorization: `Bearer ${api.key}` } })
    t.is(response.status, 400, `${method} ${path}: ${await response.text()}`)
  }
})

test.serial('a body of 25 MB where none is read is refused', async t => {
  t.like(await send('/v1/responses/resp_none/cancel', JSON.stringify({ x: 'x'.repeat(25_000_000) })), { status: 413, code: 'payload_too_large' })
})
