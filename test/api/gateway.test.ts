import test from 'ava'
import { call, startTestApi, type TestApi } from '../support/api.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const hello = [{ role: 'user' as const, content: 'Say hello' }]

test('a chat completion passes through, says who served it and what it cost, and is written down', async t => {
  const { data, response } = await api.openai().chat.completions.create({ model: 'sim-instant', messages: hello, user: 'ann' }).withResponse()
  t.is(data.object, 'chat.completion')
  t.truthy(data.choices[0]!.message.content)
  t.is(response.headers.get('x-sira-model'), 'sim-instant')
  t.is(response.headers.get('x-sira-provider'), 'simulator')
  t.is(response.headers.get('x-sira-attempts'), '1')
  const { prompt_tokens: input, completion_tokens: output } = data.usage!
  t.is(response.headers.get('x-sira-cost'), ((input * 0.1 + output * 0.4) / 1e6).toFixed(12).replace(/0+$/, ''))
  await api.gateway.journal.flush()
  const { rows } = await api.pool.query('SELECT * FROM usage WHERE id = $1', [response.headers.get('x-request-id')])
  t.is(rows.length, 1)
  t.like(rows[0], { model: 'sim-instant', provider: 'simulator', end_user: 'ann', status: 200, input_tokens: input, output_tokens: output, attempts: 1, endpoint: '/v1/chat/completions', flags: 0 })
})

test('a chat stream comes event by event, ends with [DONE], and shows usage only when it is asked for', async t => {
  const stream = async (options: object): Promise<string> => (await call(api, 'POST', '/v1/chat/completions', { body: { model: 'sim-instant', messages: hello, stream: true, ...options } })).text
  const plain = await stream({})
  t.regex(plain, /^data: \{.*"chat\.completion\.chunk"/)
  t.regex(plain, /: x-sira-cost 0\.0\d+\n\ndata: \[DONE\]\n\n$/)
  t.false(plain.includes('"usage"'))
  const asked = await stream({ stream_options: { include_usage: true } })
  t.regex(asked, /"choices":\[\],"usage":\{"prompt_tokens":\d+/)
})

for (const model of ['sim-claude', 'sim-gemini']) {
  test(`the openai client chats with ${model}, whole and streamed, with tools`, async t => {
    const openai = api.openai()
    const whole = await openai.chat.completions.create({ model, messages: hello })
    t.truthy(whole.choices[0]!.message.content)
    t.is(whole.choices[0]!.finish_reason, 'stop')
    const chunks: string[] = []
    for await (const chunk of await openai.chat.completions.create({ model, messages: hello, stream: true })) chunks.push(chunk.choices[0]?.delta.content ?? '')
    t.true(chunks.join('').length > 10)
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }]
    const called = await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'Use it [[sim:tool]]' }], tools })
    t.is(called.choices[0]!.finish_reason, 'tool_calls')
    const toolCall = called.choices[0]!.message.tool_calls![0]!
    const final = await openai.chat.completions.create({
      model, tools, messages: [{ role: 'user', content: 'Use it [[sim:tool]]' }, called.choices[0]!.message, { role: 'tool', tool_call_id: toolCall.id, content: 'sunny' }]
    })
    t.is(final.choices[0]!.finish_reason, 'stop')
  })
}
