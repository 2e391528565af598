import test from 'ava'
import { call, startTestApi, type TestApi } from '../support/api.ts'

let api: TestApi
test.before(async () => {
  api = await startTestApi()
  // the threads are started with the first large body
  await call(api, 'POST', '/v1/chat/completions', { body: chat('sim-instant', 2) })
})
test.after.always(async () => { await api.close() })

/** A chat request of `megabytes`, most of it plain text. */
function chat (model: string, megabytes: number, fields: object = {}): object {
  const text = 'All work and no play makes a dull day. '.repeat(Math.ceil(megabytes * 1024 * 1024 / 39))
  return { model, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: text }], ...fields }
}

for (const model of ['sim-instant', 'sim-claude', 'sim-gemini']) {
  test.serial(`a prompt of 3 MB reaches ${model} whole, and is answered whole and streamed`, async t => {
    const whole = await call(api, 'POST', '/v1/chat/completions', { body: chat(model, 3) })
    t.is(whole.status, 200, whole.text.slice(0, 300))
    // the simulator counts what it got: four characters a token
    t.true(whole.body.usage.prompt_tokens > 3 * 1024 * 1024 / 4)
    const streamed = await call(api, 'POST', '/v1/chat/completions', { body: chat(model, 3, { stream: true, stream_options: { include_usage: true } }) })
    t.regex(streamed.text, /"choices":\[\],"usage":\{"prompt_tokens":7\d{5}/)
    t.regex(streamed.text, /data: \[DONE\]\n\n$/)
  })
}

test.serial('what is wrong with a large body is told as of a small one', async t => {
  const refusal = async (body: unknown): Promise<{ status: number, code: string, param: string | null }> => {
    const { status, body: { error } } = await call(api, 'POST', '/v1/chat/completions', { body })
    return { status, code: error.code, param: error.param }
  }
  const text = JSON.stringify(chat('sim-instant', 2))
  t.like(await refusal(text.slice(0, -1)), { status: 400, code: 'invalid_json' })
  t.like(await refusal({ ...chat('sim-instant', 2), messages: [{ role: 'nobody', content: 'x'.repeat(2 ** 21) }] }), { status: 400, code: 'invalid_parameter' })
  t.like(await refusal({ ...chat('sim-instant', 2), temperature: 9 }), { status: 400, code: 'invalid_parameter', param: 'temperature' })
  t.like(await refusal(chat('none', 2)), { status: 404, code: 'model_not_found' })
  const tools = Array.from({ length: 10_000 }, (_, index) => ({ type: 'function', function: { name: `tool_${index}`, description: 'x'.repeat(200) } }))
  t.like(await refusal({ ...chat('sim-instant', 0), tools }), { status: 400, code: 'invalid_parameter', param: 'tools' })
  t.is(api.simulator.calls({}).filter(entry => entry.outcome === 'refused').length, 0)
})
