import test from 'ava'
import type OpenAI from 'openai'
import { clientOf, simulatorFor } from './helpers.ts'

const tools: OpenAI.ChatCompletionTool[] = [
  { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' }, where: { type: 'object', properties: { x: { type: 'number' } } } } } } },
  { type: 'function', function: { name: 'now' } }
]
const messages = [{ role: 'user' as const, content: 'What is it like? [[sim:tools=2]] é' }]
const model = 'sim-fast'

test('simulator tools: chat calls as many as a marker says, with arguments that fit, and answers when results are there', async t => {
  const simulator = await simulatorFor(t)
  const client = clientOf(simulator)
  const { choices: [choice], usage } = await client.chat.completions.create({ model, messages, tools })
  t.is(choice!.finish_reason, 'tool_calls')
  t.is(choice!.message.content, null)
  const calls = choice!.message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[]
  t.deepEqual(calls.map(call => [call.function.name, JSON.parse(call.function.arguments)]), [['weather', { city: 'simulated', where: { x: 1 } }], ['now', {}]])
  t.is(new Set(calls.map(call => call.id)).size, 2)
  t.is(usage!.completion_tokens, simulator.calls()[0]!.usage!.completion_tokens)
  const results = calls.map(call => ({ role: 'tool' as const, tool_call_id: call.id, content: 'Fine.' }))
  const final = await client.chat.completions.create({ model, messages: [...messages, choice!.message, ...results], tools })
  t.is(final.choices[0]!.finish_reason, 'stop')
  t.regex(final.choices[0]!.message.content!, /^Simulated answer /)
})

test('simulator tools: a chat stream has the calls of the unstreamed answer, and its usage', async t => {
  const client = clientOf(await simulatorFor(t))
  const whole = await client.chat.completions.create({ model, messages, tools })
  const stream = client.chat.completions.stream({ model, messages, tools, stream_options: { include_usage: true } })
  const { choices: [choice], usage } = await stream.finalChatCompletion()
  const plain = (calls: OpenAI.ChatCompletionMessageToolCall[] | undefined): unknown =>
    (calls as OpenAI.ChatCompletionMessageFunctionToolCall[]).map(call => [call.function.name, call.function.arguments])
  t.deepEqual(plain(choice!.message.tool_calls), plain(whole.choices[0]!.message.tool_calls))
  t.is(choice!.finish_reason, 'tool_calls')
  t.deepEqual(usage, whole.usage)
})

test('simulator tools: chat obeys tool_choice and parallel_tool_calls', async t => {
  const client = clientOf(await simulatorFor(t))
  const namesFor = async (content: string, further: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>): Promise<string[]> => {
    const { choices: [choice] } = await client.chat.completions.create({ model, messages: [{ role: 'user', content }], tools, ...further })
    return (choice!.message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[] | undefined ?? []).map(call => call.function.name)
  }
  t.deepEqual(await namesFor('x', {}), [])
  t.deepEqual(await namesFor('x', { tool_choice: 'required' }), ['weather'])
  t.deepEqual(await namesFor('x', { tool_choice: { type: 'function', function: { name: 'now' } } }), ['now'])
  t.deepEqual(await namesFor('[[sim:tool]]', { tool_choice: 'none' }), [])
  t.deepEqual(await namesFor('[[sim:tools=3]]', { parallel_tool_calls: false }), ['weather'])
  t.deepEqual(await namesFor('[[sim:tools=3]]', {}), ['weather', 'now', 'weather'])
})
