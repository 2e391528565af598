import test from 'ava'
import type { Fields } from '../../../../lib/dialects/faults.ts'
import { chatToResponse, inputItems, referencedIds, responsesToChat, type Item } from '../../../../lib/dialects/responses/index.ts'
import { answers, completionOf, usage } from '../_answers.ts'
import { contextOf } from './_context.ts'

const messagesOf = (input: unknown, rest: Fields = {}, earlier: readonly Item[] = []) => responsesToChat({ model: 'm', input, ...rest }, earlier).messages
const ids = () => { let made = 0; return (prefix: string) => `${prefix}${++made}` }

test('a text input is one user message after the instructions', t => {
  t.deepEqual(messagesOf('Hi', { instructions: 'Be brief.' }), [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hi' }])
})

test('items of every kind become chat messages', t => {
  t.deepEqual(messagesOf([
    { role: 'developer', content: 'Rules.' },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What is this?' }, { type: 'input_image', image_url: 'https://a/b.png', detail: 'original' }, { type: 'input_file', file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' }] },
    { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Look it up.' }] },
    { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
    { type: 'function_call', call_id: 'c2', name: 'g', arguments: '{"a":1}' },
    { type: 'function_call_output', call_id: 'c1', output: 'one' },
    { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'two' }, { type: 'input_image', image_url: 'data:image/png;base64,AA' }] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'A cat.', annotations: [] }] },
    { role: 'assistant', content: 'Another one.' },
    { role: 'user', content: 'Thanks' }
  ]), [
    { role: 'developer', content: 'Rules.' },
    { role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: 'https://a/b.png', detail: 'high' } }, { type: 'file', file: { file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' } }] },
    { role: 'assistant', content: null, reasoning_content: 'Look it up.', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }, { id: 'c2', type: 'function', function: { name: 'g', arguments: '{"a":1}' } }] },
    { role: 'tool', tool_call_id: 'c1', content: 'one' },
    { role: 'tool', tool_call_id: 'c2', content: 'two' },
    { role: 'user', content: [{ type: 'text', text: 'Attached to the result of c2:' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }] },
    { role: 'assistant', content: 'A cat.' },
    { role: 'assistant', content: 'Another one.' },
    { role: 'user', content: 'Thanks' }
  ])
})

test('settings of a response become those of chat', t => {
  const { messages: _, ...chat } = responsesToChat({
    model: 'm', input: 'Hi', stream: true, temperature: 0.5, top_p: 0.9, max_output_tokens: 64, user: 'u', safety_identifier: 's', service_tier: 'flex', parallel_tool_calls: false, metadata: { a: 'b' },
    include: ['message.output_text.logprobs'], top_logprobs: 2, reasoning: { effort: 'high', summary: 'auto' }, truncation: 'auto', store: false, background: false, previous_response_id: 'resp_0',
    text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true }, verbosity: 'low' },
    tools: [{ type: 'function', name: 'f', description: 'd', parameters: { type: 'object' }, strict: true }], tool_choice: { type: 'function', name: 'f' }
  }, [])
  t.deepEqual(chat, {
    model: 'm', stream: true, temperature: 0.5, top_p: 0.9, max_completion_tokens: 64, user: 'u', safety_identifier: 's', service_tier: 'flex', parallel_tool_calls: false,
    logprobs: true, top_logprobs: 2, reasoning_effort: 'high', verbosity: 'low',
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
    tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' }, strict: true } }], tool_choice: { type: 'function', function: { name: 'f' } }
  })
})

test('allowed tools become the only tools', t => {
  const tools = ['f', 'g'].map(name => ({ type: 'function', name }))
  t.like(responsesToChat({ model: 'm', input: 'x', tools, tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'g' }] } }, []), {
    tools: [{ type: 'function', function: { name: 'g' } }], tool_choice: 'required'
  })
})

for (const answer of answers.filter(({ message, logprobs }) => message.content !== '' && logprobs === undefined)) {
  test(`a stored answer comes back as the assistant's message: ${answer.title}`, t => {
    const earlier = [...inputItems({ input: 'Ask' }, ids()), ...chatToResponse({ ...contextOf(), completion: completionOf(answer), usage }).output] as Item[]
    const { content = null, ...rest } = answer.message
    const messages = messagesOf('Go on', { instructions: 'New.' }, JSON.parse(JSON.stringify(earlier)) as Item[])
    t.deepEqual(messages, [{ role: 'system', content: 'New.' }, { role: 'user', content: 'Ask' }, { role: 'assistant', content, ...rest }, { role: 'user', content: 'Go on' }])
  })
}

test('an item that came before and is sent or referred to again counts once', t => {
  const earlier: Item[] = [{ id: 'msg_1', type: 'message', role: 'user', content: 'Ask' }, { id: 'fc_1', type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' }]
  const input = [{ type: 'item_reference', id: 'fc_1' }, { type: 'function_call_output', call_id: 'c', output: 'one' }]
  t.deepEqual(messagesOf(input, {}, earlier).map(message => message.role), ['user', 'assistant', 'tool'])
})

test('items that an input names by id are found among the stored ones', t => {
  const body = { model: 'm', input: [{ role: 'user', content: 'Ask' }, { type: 'item_reference', id: 'fc_1' }, { type: 'function_call_output', call_id: 'c', output: 'one' }] }
  t.deepEqual(referencedIds(body), ['fc_1'])
  const stored: Item = { id: 'fc_1', type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' }
  t.deepEqual(responsesToChat(body, [], new Map([['fc_1', stored]])).messages.map(message => message.role), ['user', 'assistant', 'tool'])
  t.like(t.throws(() => responsesToChat(body, [])), { code: 'invalid_parameter', param: 'input[1].id' })
})

test('input items are normalised with ids and keep those they have', t => {
  t.deepEqual(inputItems({ input: 'Hi' }, ids()), [{ id: 'msg_1', type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_text', text: 'Hi' }] }])
  t.deepEqual(inputItems({ input: [{ role: 'assistant', content: 'Yes' }, { type: 'function_call_output', call_id: 'c', output: 'x' }, { type: 'function_call', id: 'fc_9', call_id: 'd', name: 'f', arguments: '' }] }, ids()), [
    { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Yes', annotations: [], logprobs: [] }] },
    { id: 'fco_2', type: 'function_call_output', status: 'completed', call_id: 'c', output: 'x' },
    { id: 'fc_9', type: 'function_call', status: 'completed', call_id: 'd', name: 'f', arguments: '' }
  ])
})

const refused: ReadonlyArray<readonly [title: string, body: Fields, code: string, param: string]> = [
  ['no input', {}, 'missing_parameter', 'input'],
  ['an unknown item', { input: [{ type: 'computer_call' }] }, 'invalid_parameter', 'input[0].type'],
  ['an unknown role', { input: [{ role: 'king', content: 'x' }] }, 'invalid_parameter', 'input[0].role'],
  ['an unknown part', { input: [{ role: 'user', content: [{ type: 'smell' }] }] }, 'invalid_parameter', 'input[0].content[0].type'],
  ['an image by id', { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1' }] }] }, 'unsupported_parameter', 'input[0].content[0].file_id'],
  ['an output without its call', { input: [{ type: 'function_call_output', output: 'x' }] }, 'missing_parameter', 'input[0].call_id'],
  ...['web_search', 'file_search', 'computer', 'mcp', 'code_interpreter', 'image_generation', 'custom'].map(type => [`the tool ${type}`, { input: 'x', tools: [{ type }] }, 'unsupported_parameter', 'tools[0].type'] as const),
  ['a choice without tools', { input: 'x', tool_choice: 'required' }, 'invalid_parameter', 'tool_choice'],
  ['a choice of a hosted tool', { input: 'x', tools: [{ type: 'function', name: 'f' }], tool_choice: { type: 'mcp' } }, 'unsupported_parameter', 'tool_choice.type'],
  ['too few tokens', { input: 'x', max_output_tokens: 15 }, 'invalid_parameter', 'max_output_tokens'],
  ['an unknown format', { input: 'x', text: { format: { type: 'xml' } } }, 'invalid_parameter', 'text.format.type'],
  ['a stored prompt', { input: 'x', prompt: { id: 'p' } }, 'unsupported_parameter', 'prompt'],
  ['a conversation', { input: 'x', conversation: 'conv_1' }, 'unsupported_parameter', 'conversation']
]
for (const [title, body, code, param] of refused) {
  test(`a response request is refused with its path for ${title}`, t => {
    t.like(t.throws(() => responsesToChat({ model: 'm', ...body }, [])), { code, param })
  })
}
