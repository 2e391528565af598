import test from 'ava'
import OpenAI from 'openai'
import type { ChatCompletion, ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions'
import { waitFor } from '../support/api-batch.ts'
import { pixel, startSdkApi } from './_gateway-api.ts'

let served: Awaited<ReturnType<typeof startSdkApi>>
test.before(async () => { served = await startSdkApi() })
test.after.always(async () => { await served.close() })

const hello: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Say hello' }]
const ask = (content: string): ChatCompletionMessageParam[] => [{ role: 'user', content }]
const cityOf = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools: ChatCompletionTool[] = [
  { type: 'function', function: { name: 'weather', description: 'Tells the weather', parameters: cityOf } },
  { type: 'function', function: { name: 'time', parameters: cityOf } }
]

function callsOf ({ choices }: ChatCompletion): { id: string, name: string, input: unknown }[] {
  return choices[0]!.message.tool_calls!.map(call => {
    if (call.type !== 'function') throw new Error(`a call of type ${call.type}`)
    return { id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) as unknown }
  })
}

for (const model of ['sim-instant', 'sim-claude', 'sim-gemini']) {
  test(`the openai client reads a whole chat of ${model}, with system and developer messages and its cost`, async t => {
    const { data, response } = await served.api.openai().chat.completions.create({
      model,
      messages: [{ role: 'system', content: 'Be brief' }, { role: 'developer', content: 'Be kind' }, ...hello],
      temperature: 0.5,
      max_completion_tokens: 100
    }).withResponse()
    t.is(data.object, 'chat.completion')
    t.is(data.choices.length, 1)
    t.like(data.choices[0], { index: 0, finish_reason: 'stop', message: { role: 'assistant', refusal: null } })
    t.regex(data.choices[0]!.message.content!, /Simulated/)
    t.is(data.usage!.total_tokens, data.usage!.prompt_tokens + data.usage!.completion_tokens)
    t.true(data.usage!.prompt_tokens > 5 && data.usage!.completion_tokens > 5)
    t.is(response.headers.get('x-sira-model'), model)
    t.is(response.headers.get('x-sira-attempts'), '1')
    t.true(Number(response.headers.get('x-sira-cost')) > 0)
    t.regex(response.headers.get('x-request-id')!, /^req_/)
  })

  test(`the openai client puts a stream of ${model} together with its stream helper, usage included`, async t => {
    const { api } = served
    const stream = api.openai().chat.completions.stream({ model, messages: hello, stream_options: { include_usage: true } })
    let said = ''
    stream.on('content', delta => { said += delta })
    const final = await stream.finalChatCompletion()
    t.regex(said, /Simulated/)
    t.is(final.choices[0]!.message.content as string, said)
    t.is(final.choices[0]!.finish_reason, 'stop')
    t.true(final.usage!.prompt_tokens > 0 && final.usage!.completion_tokens > 5)
  })

  test(`the openai client gets parallel tool calls of ${model}, whole and streamed, and returns their results`, async t => {
    const openai = served.api.openai()
    const messages = ask('Use them [[sim:tools=2]]')
    const whole = await openai.chat.completions.create({ model, messages, tools })
    t.is(whole.choices[0]!.finish_reason, 'tool_calls')
    const calls = callsOf(whole)
    t.deepEqual(calls.map(({ name, input }) => ({ name, input })), [{ name: 'weather', input: { city: 'simulated' } }, { name: 'time', input: { city: 'simulated' } }])
    t.not(calls[0]!.id, calls[1]!.id)

    const streamed = await openai.chat.completions.stream({ model, messages, tools }).finalChatCompletion()
    t.is(streamed.choices[0]!.finish_reason, 'tool_calls')
    t.deepEqual(callsOf(streamed).map(({ name, input }) => ({ name, input })), calls.map(({ name, input }) => ({ name, input })))

    for (const called of [whole, streamed]) {
      const results = callsOf(called).map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'fine' }))
      const final = await openai.chat.completions.create({ model, tools, messages: [...messages, called.choices[0]!.message, ...results] })
      t.is(final.choices[0]!.finish_reason, 'stop')
      t.regex(final.choices[0]!.message.content!, /Simulated/)
    }
  })

  test(`the openai client forces a tool of ${model}, and one call at a time`, async t => {
    const forced = await served.api.openai().chat.completions.create({
      model, tools, messages: ask('Use it [[sim:tools=2]]'), tool_choice: { type: 'function', function: { name: 'time' } }, parallel_tool_calls: false
    }, { headers: { 'x-sira-unsupported-params': 'drop' } })
    const names = callsOf(forced).map(({ name }) => name)
    t.true(names.every(name => name === 'time'))
    if (model !== 'sim-gemini') t.is(names.length, 1)
  })

  test(`the openai client's runTools runs the functions that ${model} calls`, async t => {
    const cities: string[] = []
    const runner = served.api.openai().chat.completions.runTools({
      model,
      messages: ask('Use it [[sim:tool]]'),
      tools: [{
        type: 'function',
        function: {
          name: 'weather',
          description: 'Tells the weather',
          parameters: cityOf,
          parse: JSON.parse as (text: string) => { city: string },
          function: ({ city }: { city: string }) => {
            cities.push(city)
            return 'sunny'
          }
        }
      }]
    })
    t.regex((await runner.finalContent())!, /Simulated/)
    t.deepEqual(cities, ['simulated'])
  })

  test(`the openai client parses what ${model} gives for a JSON schema`, async t => {
    const schema = { type: 'object', properties: { simulated: { type: 'boolean' }, text: { type: 'string' } }, required: ['simulated', 'text'], additionalProperties: false }
    const { choices } = await served.api.openai().chat.completions.parse({
      model, messages: hello, response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } }
    })
    const parsed = choices[0]!.message.parsed as unknown as { simulated: unknown, text: unknown }
    t.is(typeof parsed.simulated, 'boolean')
    t.is(typeof parsed.text, 'string')
  })

  test(`the openai client sends an image to ${model} as a data URL`, async t => {
    const { choices } = await served.api.openai().chat.completions.create({
      model, messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url: `data:image/gif;base64,${pixel}` } }] }]
    })
    t.regex(choices[0]!.message.content!, /Simulated/)
  })
}

test('the openai client reads completions of a prompt, whole and streamed', async t => {
  const openai = served.api.openai()
  for (const model of ['sim-instant', 'sim-claude']) {
    const whole = await openai.completions.create({ model, prompt: 'Once upon a time', max_tokens: 50 })
    t.is(whole.object, 'text_completion', model)
    t.regex(whole.choices[0]!.text, /Simulated/)
    let text = ''
    let finish: string | null = null
    for await (const { choices } of await openai.completions.create({ model, prompt: 'Once upon a time', max_tokens: 50, stream: true })) {
      text += choices[0]?.text ?? ''
      finish = choices[0]?.finish_reason ?? finish
    }
    t.regex(text, /Simulated/)
    t.truthy(finish)
  }
})

for (const model of ['sim-instant', 'sim-claude', 'sim-gemini']) {
  test(`the openai client gets the usage of a stream of completions of ${model} as its last event, when it asks and only then`, async t => {
    const asked = { model, prompt: 'Once upon a time', max_tokens: 50, stream: true } as const
    const events = []
    for await (const event of await served.api.openai().completions.create({ ...asked, stream_options: { include_usage: true } })) events.push(event)
    t.deepEqual(events.filter(({ usage }) => usage != null).map(({ choices }) => choices), [[]])
    const { object, usage } = events.at(-1)!
    t.is(object, 'text_completion')
    t.true(usage!.prompt_tokens > 0 && usage!.completion_tokens > 0)
    for await (const { usage } of await served.api.openai().completions.create(asked)) t.is(usage ?? null, null)
  })
}

for (const model of ['sim-embed', 'sim-gemini-embed']) {
  test(`the openai client decodes embeddings of ${model}, which it asks for in base64, to the same numbers as floats`, async t => {
    const openai = served.api.openai()
    const input = ['one text', 'another']
    const usual = await openai.embeddings.create({ model, input })
    const floats = await openai.embeddings.create({ model, input, encoding_format: 'float' })
    t.is(usual.data.length, 2)
    for (const [index, { embedding }] of usual.data.entries()) {
      const expected = floats.data[index]!.embedding
      t.is(embedding.length, model === 'sim-embed' ? 256 : 768)
      t.deepEqual(embedding.map(Math.fround), expected.map(Math.fround))
    }
    t.notDeepEqual(usual.data[0]!.embedding, usual.data[1]!.embedding)
    t.true(usual.usage.prompt_tokens > 0)
    const { response } = await openai.embeddings.create({ model, input }).withResponse()
    t.true(Number(response.headers.get('x-sira-cost')) > 0, 'also when the provider does not tell its usage')
  })
}

test('the openai client reads moderations and the list of models', async t => {
  const openai = served.api.openai()
  const { results } = await openai.moderations.create({ model: 'sim-moderation', input: ['some violence', 'flowers'] })
  t.deepEqual(results.map(({ flagged }) => flagged), [true, false])
  const ids = []
  for await (const { id } of openai.models.list()) ids.push(id)
  for (const id of ['sim-instant', 'sim-claude', 'sim-gemini', 'sim-embed']) t.true(ids.includes(id))
  t.is((await openai.models.retrieve('sim-claude')).id, 'sim-claude')
})

test('the openai client throws its own errors for a bad key, an unknown model and a bad request', async t => {
  const { api } = served
  const denied = await t.throwsAsync(api.openai('sk-nothing').chat.completions.create({ model: 'sim-instant', messages: hello }), { instanceOf: OpenAI.AuthenticationError })
  t.is(denied!.code, 'invalid_api_key')
  const unknown = await t.throwsAsync(api.openai().chat.completions.create({ model: 'gpt-0', messages: hello }), { instanceOf: OpenAI.NotFoundError })
  t.like(unknown, { code: 'model_not_found', param: 'model', status: 404 })
  t.regex(unknown!.requestID!, /^req_/)
  const bad = await t.throwsAsync(api.openai().chat.completions.create({ model: 'sim-instant', messages: hello, temperature: 7 }), { instanceOf: OpenAI.BadRequestError })
  t.is(bad!.param, 'temperature')
})

for (const dialect of ['openai', 'anthropic', 'gemini']) {
  test(`the openai client throws its own errors for what fails at a provider of ${dialect}`, async t => {
    const openai = served.api.openai()
    const chat = async (fault: string, content: string, stream = false) =>
      await openai.chat.completions.create({ model: `${dialect}-${fault}`, messages: ask(content), stream }) as unknown
    const failed = await t.throwsAsync(chat('failing', '[[sim:500]]'), { instanceOf: OpenAI.InternalServerError })
    t.is(failed!.code, 'upstream_error')
    t.is(failed!.headers!.get('x-sira-attempts'), '1')
    const failedStream = await t.throwsAsync(chat('failing', '[[sim:500]]', true), { instanceOf: OpenAI.InternalServerError })
    t.is(failedStream!.code, 'upstream_error')
    const refused = await t.throwsAsync(chat('failing', '[[sim:400]]'), { instanceOf: OpenAI.BadRequestError })
    t.is(refused!.headers!.get('x-should-retry'), 'false')
    const account = await t.throwsAsync(chat('failing', '[[sim:401]]'), { instanceOf: OpenAI.InternalServerError }, 'the account is not the caller\'s')
    t.is(account!.code, 'upstream_error')
    const limited = await t.throwsAsync(chat('limited', '[[sim:429 retry-after=7]]'), { instanceOf: OpenAI.RateLimitError })
    t.is(limited!.code, 'upstream_rate_limited')
    t.is(limited!.headers!.get('retry-after'), '7')
  })

  test(`a stream that fails on its way from ${dialect} throws the openai client's APIError after what came`, async t => {
    const openai = served.api.openai()
    for (const fault of ['stream-error', 'cut', 'unfinished']) {
      let said = ''
      const error = await t.throwsAsync(async () => {
        for await (const { choices } of await openai.chat.completions.create({ model: `${dialect}-broken`, messages: ask(`[[sim:${fault}]] hello`), stream: true })) {
          said += choices[0]?.delta.content ?? ''
        }
      }, { instanceOf: OpenAI.APIError }, fault)
      t.true(said.length > 0, fault)
      t.regex(error!.code!, /^upstream_/, fault)
    }
  })

  test(`a provider of ${dialect} that does not answer in time is called once, and the openai client is told not to repeat`, async t => {
    const content = `[[sim:hang]] ${dialect}`
    const calls = () => served.simulator.calls().filter(call => call.outcome === 'hang' && call.model === { openai: 'sim-instant', anthropic: 'sim-claude', gemini: 'sim-gemini' }[dialect])
    const before = calls().length
    const error = await t.throwsAsync(served.api.openai(undefined, { maxRetries: 2 }).chat.completions.create({ model: `${dialect}-stalled`, messages: ask(content) }), {
      instanceOf: OpenAI.InternalServerError
    })
    t.like(error, { status: 504, code: 'upstream_timeout' })
    t.is(error!.headers!.get('x-should-retry'), 'false')
    // the simulator sees that the gateway has left a moment later
    await waitFor(async () => calls().length > before)
    t.is(calls().length, before + 1)
  })
}

test('a client whose timeout ends leaves, and the provider is let go at once', async t => {
  const { api, simulator } = served
  // the tests of stalled providers beside this one leave theirs too
  const calls = () => simulator.calls().filter(call => call.path === '/v1/chat/completions' && call.aborted && call.outcome !== 'hang')
  const before = calls().length
  const client = api.openai(undefined, { timeout: 2_000 })
  await t.throwsAsync(client.chat.completions.create({ model: 'openai-broken', messages: ask('[[sim:delay=60000]] patience') }), { instanceOf: OpenAI.APIConnectionTimeoutError })
  await waitFor(async () => calls().length > before)
  t.is(calls().length, before + 1)
})
