import test from 'ava'
import { errorOf, post, simulatorFor } from './helpers.ts'
import type { Answered } from './helpers.ts'
import type { Simulator } from '../../../local/simulator/simulator.ts'

interface Candidate {
  readonly content?: { readonly role: string, readonly parts: ReadonlyArray<Record<string, unknown>> }
  readonly finishReason?: string
  readonly index: number
}

interface Generated {
  readonly candidates?: readonly Candidate[]
  readonly promptFeedback?: { readonly blockReason: string }
  readonly usageMetadata: Readonly<Record<string, number>>
  readonly responseId: string
}

const unary = '/gemini/v1beta/models/sim-gemini:generateContent'
const streaming = '/gemini/v1beta/models/sim-gemini:streamGenerateContent?alt=sse'
const user = (text: string): object => ({ role: 'user', parts: [{ text }] })
const tools = [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } } } }, { name: 'now' }] }]

async function generate (simulator: Simulator, text: string, fields: object = {}): Promise<Generated> {
  const answer = await post(simulator, unary, { contents: [user(text)], ...fields })
  return await answer.body.json() as Generated
}

async function framesOf (answer: Answered): Promise<Generated[]> {
  const text = await answer.body.text()
  return text.split('\r\n\r\n').filter(frame => frame !== '').map(frame => JSON.parse(frame.slice('data: '.length)) as Generated)
}

test('simulator of gemini: an answer says that it is simulated, and is logged with its key hashed', async t => {
  const simulator = await simulatorFor(t)
  const answer = await post(simulator, unary, { contents: [user('Hello')] }, { 'x-goog-api-key': 'AIza', 'x-client-request-id': 'one' })
  t.is(answer.headers['x-simulated'], 'true')
  t.is(answer.headers['openai-version'], undefined)
  const body = await answer.body.json() as Generated
  t.like(body, { candidates: [{ content: { role: 'model' }, finishReason: 'STOP', index: 0 }], modelVersion: 'sim-gemini' })
  t.regex(String(body.candidates![0]!.content!.parts[0]!['text']), /^Simulated answer/)
  t.regex(body.responseId, /^sim-/)
  t.like(simulator.calls()[0], { path: unary, model: 'sim-gemini', stream: false, client_request_id: 'one', outcome: 'answered', delivered: true })
  t.regex(simulator.calls()[0]!.authorization!, /^[0-9a-f]{12}$/)
})

test('simulator of gemini: the same body is answered the same, streamed too, in frames that end CRLF', async t => {
  const simulator = await simulatorFor(t)
  const [one, other] = [await generate(simulator, 'Hello'), await generate(simulator, 'Hello')]
  t.deepEqual(one.candidates, other.candidates)
  const frames = await framesOf(await post(simulator, streaming, { contents: [user('Hello')] }))
  const parts = frames.flatMap(frame => frame.candidates![0]!.content?.parts ?? [])
  t.is(parts.map(part => part['text']).join(''), String(one.candidates![0]!.content!.parts[0]!['text']))
  t.deepEqual(frames.map(frame => frame.candidates![0]!.finishReason).filter(reason => reason !== undefined), ['STOP'])
  t.is(frames.at(-1)!.candidates![0]!.content, undefined)
  t.deepEqual(frames.at(-1)!.usageMetadata, one.usageMetadata)
  t.like(simulator.calls()[2], { path: '/gemini/v1beta/models/sim-gemini:streamGenerateContent', stream: true })
})

test('simulator of gemini: thoughts are counted beside the candidates and shown when asked for', async t => {
  const simulator = await simulatorFor(t)
  const { candidates, usageMetadata } = await generate(simulator, 'Hello', { generationConfig: { thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true } } })
  t.like(candidates![0]!.content!.parts[0], { thought: true })
  t.true(usageMetadata['thoughtsTokenCount']! > 0)
  t.is(usageMetadata['totalTokenCount'], usageMetadata['promptTokenCount']! + usageMetadata['candidatesTokenCount']! + usageMetadata['thoughtsTokenCount']!)
  t.like(simulator.calls()[0]!.usage, { reasoning_tokens: usageMetadata['thoughtsTokenCount'] })
  t.is((await generate(simulator, 'Hello', { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } })).usageMetadata['thoughtsTokenCount'], undefined)
})

test('simulator of gemini: asked for calls it makes them, the first one signed', async t => {
  const simulator = await simulatorFor(t)
  const { candidates } = await generate(simulator, '[[sim:tools=2]]', { tools })
  const parts = candidates![0]!.content!.parts
  t.like(parts, [{ functionCall: { name: 'weather', args: { city: 'simulated' } } }, { functionCall: { name: 'now', args: {} } }])
  t.regex(String(parts[0]!['thoughtSignature']), /^[A-Za-z0-9+/]+=*$/)
  t.false('thoughtSignature' in parts[1]!)
  const results = { role: 'user', parts: parts.map(part => ({ functionResponse: { name: (part['functionCall'] as { name: string }).name, response: { output: 'sun' } } })) }
  const answer = await post(simulator, unary, { contents: [user('[[sim:tools=2]]'), { role: 'model', parts }, results], tools })
  t.is(answer.statusCode, 200)
  t.regex(String((await answer.body.json() as Generated).candidates![0]!.content!.parts[0]!['text']), /^Simulated/)
})

const call = { functionCall: { name: 'weather', args: {} } }
const result = { functionResponse: { name: 'weather', response: { output: 1 } } }
const signed = { ...call, thoughtSignature: 'skip_thought_signature_validator' }
const refusals: ReadonlyArray<readonly [name: string, body: object, says: RegExp]> = [
  ['a call without its signature', { contents: [user('x'), { role: 'model', parts: [call] }, { role: 'user', parts: [result] }] }, /missing a thought_signature/],
  ['a signature of another call', { contents: [user('x'), { role: 'model', parts: [{ ...call, thoughtSignature: 'AAAA' }] }, { role: 'user', parts: [result] }] }, /Corrupted thought signature/],
  ['a result too few', { contents: [user('x'), { role: 'model', parts: [signed, call] }, { role: 'user', parts: [result] }] }, /number of function response parts/],
  ['no result', { contents: [user('x'), { role: 'model', parts: [signed] }, user('y')] }, /number of function response parts/],
  ['a result that is no object', { contents: [user('x'), { role: 'model', parts: [signed] }, { role: 'user', parts: [{ functionResponse: { name: 'weather', response: 'sun' } }] }] }, /Struct/],
  ['no contents', { contents: [] }, /contents is not specified/],
  ['a turn without parts', { contents: [{ role: 'user', parts: [] }] }, /must not be empty/],
  ['a role of OpenAI', { contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }, /valid role/],
  ['a field of OpenAI', { contents: [user('x')], messages: [] }, /Unknown name "messages"/],
  ['a parameter of OpenAI', { contents: [user('x')], generationConfig: { max_tokens: 5 } }, /Unknown name "max_tokens"/],
  ['budget and level', { contents: [user('x')], generationConfig: { thinkingConfig: { thinkingBudget: 1, thinkingLevel: 'LOW' } } }, /only one/],
  ['JSON Schema in the field for OpenAPI', { contents: [user('x')], tools: [{ functionDeclarations: [{ name: 'f', parameters: { type: 'object', additionalProperties: false } }] }] }, /Unknown name "additionalProperties"/],
  ['keywords beside $ref', { contents: [user('x')], generationConfig: { responseJsonSchema: { $ref: '#/$defs/a', description: 'd', $defs: { a: {} } } } }, /beside \$ref/],
  ['definitions of draft 7', { contents: [user('x')], generationConfig: { responseJsonSchema: { properties: { a: { $ref: '#/definitions/a' } } } } }, /undefined schema/]
]
for (const [name, body, says] of refusals) {
  test(`simulator of gemini: ${name} is a 400 in Google's envelope`, async t => {
    const simulator = await simulatorFor(t)
    const answer = await post(simulator, unary, body)
    t.is(answer.statusCode, 400)
    const error = await errorOf(answer) as unknown as { code: number, status: string, message: string }
    t.like(error, { code: 400, status: 'INVALID_ARGUMENT' })
    t.regex(error.message, says)
    t.like(simulator.calls()[0], { outcome: 'refused', status: 400 })
  })
}

test('simulator of gemini: errors have their status in words and their wait in the body', async t => {
  const simulator = await simulatorFor(t)
  const limited = await post(simulator, unary, { contents: [user('[[sim:429 retry-after=2]]')] })
  t.is(limited.statusCode, 429)
  t.is(limited.headers['retry-after'], undefined)
  t.like(await errorOf(limited), { code: 429, status: 'RESOURCE_EXHAUSTED', details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2s' }] })
  const unknown = await post(simulator, '/gemini/v1beta/models/gemini-9:generateContent', { contents: [user('x')] })
  t.is(unknown.statusCode, 404)
  t.like(await errorOf(unknown), { code: 404, status: 'NOT_FOUND' })
  const elsewhere = await post(simulator, '/gemini/v1beta/models/sim-fast:generateContent', { contents: [user('x')] })
  t.is(elsewhere.statusCode, 404)
  await elsewhere.body.dump()
  const page = await post(simulator, unary, { contents: [user('[[sim:502]]')] })
  t.is(page.headers['content-type'], 'text/html')
  await page.body.dump()
})

test('simulator of gemini: safety blocks the prompt, safety-answer cuts the answer off', async t => {
  const simulator = await simulatorFor(t)
  const blocked = await generate(simulator, '[[sim:safety]]')
  t.is(blocked.candidates, undefined)
  t.is(blocked.promptFeedback?.blockReason, 'PROHIBITED_CONTENT')
  t.is((await generate(simulator, '[[sim:safety-answer]]')).candidates![0]!.finishReason, 'SAFETY')
})

test('simulator of gemini: a stream that fails ends with bare JSON without data:', async t => {
  const simulator = await simulatorFor(t)
  const answer = await post(simulator, streaming, { contents: [user('[[sim:stream-error]]')] })
  t.is(answer.statusCode, 200)
  const text = await answer.body.text()
  const at = text.indexOf('\r\n\r\n{')
  t.true(at > 0)
  t.like(JSON.parse(text.slice(at)), { error: { code: 503, status: 'UNAVAILABLE' } })
  t.like(simulator.calls()[0], { outcome: 'stream-error', delivered: false })
})

test('simulator: safety is a refusal as Azure words it at chat completions', async t => {
  const answer = await post(await simulatorFor(t), '/v1/chat/completions', { model: 'sim-fast', messages: [{ role: 'user', content: '[[sim:safety]]' }] })
  t.is(answer.statusCode, 400)
  t.is((await errorOf(answer)).code, 'content_filter')
})

test('simulator of gemini: embeddings of a batch, each of its own text', async t => {
  const simulator = await simulatorFor(t)
  const entry = (text: string): object => ({ model: 'models/sim-gemini-embed', content: { parts: [{ text }] }, outputDimensionality: 8 })
  const answer = await post(simulator, '/gemini/v1beta/models/sim-gemini-embed:batchEmbedContents', { requests: [entry('a'), entry('b'), entry('a')] })
  const { embeddings } = await answer.body.json() as { embeddings: Array<{ values: number[] }> }
  t.deepEqual(embeddings.map(({ values }) => values.length), [8, 8, 8])
  t.deepEqual(embeddings[0], embeddings[2])
  t.notDeepEqual(embeddings[0], embeddings[1])
})
