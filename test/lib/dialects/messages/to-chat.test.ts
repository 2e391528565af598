import test from 'ava'
import type { Fields } from '../../../../lib/dialects/faults.ts'
import { chatToMessage, messagesToChat } from '../../../../lib/dialects/messages/index.ts'
import { answers, completionOf } from '../_answers.ts'

const bodyOf = (messages: unknown, rest: Fields = {}) => ({ model: 'm', max_tokens: 100, messages, ...rest })
const messagesOf = (messages: unknown, rest: Fields = {}) => messagesToChat(bodyOf(messages, rest)).messages

test('a conversation with system, images, documents, thoughts and tools becomes chat messages', t => {
  t.deepEqual(messagesOf([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: [{ type: 'text', text: 'Hello' }, { type: 'text', text: '!' }] },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'See', cache_control: { type: 'ephemeral' } },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } },
        { type: 'image', source: { type: 'url', url: 'https://a/b.png' } },
        { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'BB' } },
        { type: 'document', title: 'Notes', source: { type: 'text', media_type: 'text/plain', data: 'body' } },
        { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'part' }] } },
        { type: 'search_result', title: 'T', source: 'https://s', content: [{ type: 'text', text: 'found' }] }
      ]
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Look.', signature: 'c2ln' }, { type: 'redacted_thinking', data: 'aGk' },
        { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } }, { type: 'tool_use', id: 't2', name: 'g', input: {} }
      ]
    },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'And?' },
        { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'one' }, { type: 'text', text: 'more' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'CC' } }] },
        { type: 'tool_result', tool_use_id: 't2', is_error: true, content: 'broken' }
      ]
    },
    { role: 'system', content: 'Now shorter.' }
  ], { system: [{ type: 'text', text: 'Be kind.' }, { type: 'text', text: 'Be brief.' }] }), [
    { role: 'system', content: 'Be kind.\nBe brief.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello!' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'See' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
        { type: 'image_url', image_url: { url: 'https://a/b.png' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,BB' } },
        { type: 'text', text: 'Notes\nbody' },
        { type: 'text', text: 'part' },
        { type: 'text', text: 'T\nhttps://s\nfound' }
      ]
    },
    {
      role: 'assistant',
      content: null,
      reasoning_content: 'Look.',
      thinking_blocks: [{ type: 'thinking', thinking: 'Look.', signature: 'c2ln' }, { type: 'redacted_thinking', data: 'aGk' }],
      tool_calls: [{ id: 't1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }, { id: 't2', type: 'function', function: { name: 'g', arguments: '{}' } }]
    },
    { role: 'tool', tool_call_id: 't1', content: 'one\nmore' },
    { role: 'tool', tool_call_id: 't2', content: 'Error: broken' },
    { role: 'user', content: [{ type: 'text', text: 'Attached to the result of t1:' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,CC' } }, { type: 'text', text: 'And?' }] },
    { role: 'system', content: 'Now shorter.' }
  ])
})

test('results of tools alone leave no empty user message behind', t => {
  t.deepEqual(messagesOf([{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1' }] }]), [{ role: 'tool', tool_call_id: 't1', content: '' }])
})

test('settings of a message become those of chat', t => {
  const { messages: _, ...chat } = messagesToChat(bodyOf([{ role: 'user', content: 'Hi' }], {
    stream: true, temperature: 0.3, top_p: 0.5, top_k: 40, stop_sequences: ['END'], metadata: { user_id: 'u' }, service_tier: 'standard_only', cache_control: { type: 'ephemeral' },
    thinking: { type: 'enabled', budget_tokens: 10_000 }, output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    tools: [{ name: 'f', description: 'd', input_schema: { type: 'object' }, strict: true }, { type: 'custom', name: 'g', input_schema: {} }],
    tool_choice: { type: 'any', disable_parallel_tool_use: true }
  }))
  t.deepEqual(chat, {
    model: 'm', stream: true, max_completion_tokens: 100, temperature: 0.3, top_p: 0.5, top_k: 40, stop: ['END'], user: 'u', service_tier: 'default', reasoning_effort: 'medium',
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' }, strict: true } },
    tools: [
      { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' }, strict: true } },
      { type: 'function', function: { name: 'g', parameters: {} } }
    ],
    tool_choice: 'required', parallel_tool_calls: false
  })
})

const choices: ReadonlyArray<readonly [object, unknown]> = [
  [{ type: 'auto' }, 'auto'], [{ type: 'any' }, 'required'], [{ type: 'none' }, 'none'], [{ type: 'tool', name: 'f' }, { type: 'function', function: { name: 'f' } }]
]
test('each choice of tools has its word in chat', t => {
  for (const [choice, word] of choices) t.deepEqual(messagesToChat(bodyOf([], { tools: [{ name: 'f', input_schema: {} }], tool_choice: choice })).tool_choice, word as 'auto')
})

const efforts: ReadonlyArray<readonly [Fields, string | undefined]> = [
  [{ thinking: { type: 'enabled', budget_tokens: 1024 } }, 'low'], [{ thinking: { type: 'enabled', budget_tokens: 32_000 } }, 'high'],
  [{ thinking: { type: 'adaptive' } }, undefined], [{ thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }, 'xhigh'],
  [{ output_config: { effort: 'low' } }, 'low'], [{ thinking: { type: 'disabled' }, output_config: { effort: 'high' } }, undefined]
]
test('thinking becomes an effort of reasoning', t => {
  for (const [rest, effort] of efforts) t.is(messagesToChat(bodyOf([], rest)).reasoning_effort, effort)
})

for (const answer of answers.filter(({ message }) => message.content !== '' && message.refusal === undefined)) {
  test(`an answer sent back as the assistant's turn says the same: ${answer.title}`, t => {
    const message = chatToMessage(completionOf(answer), 'm')
    const [, sent] = messagesOf([{ role: 'user', content: 'Ask' }, { role: message.role, content: JSON.parse(JSON.stringify(message.content)) as unknown }])
    const { content = null, tool_calls: calls = [], thinking_blocks: blocks, ...rest } = answer.message
    t.deepEqual(sent, {
      role: 'assistant',
      content,
      ...rest,
      // thoughts without a block come back as one without a signature
      ...(blocks === undefined && rest.reasoning_content === undefined ? {} : { thinking_blocks: blocks ?? [{ type: 'thinking', thinking: rest.reasoning_content!, signature: '' }] }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(call => ({ ...call, function: { ...call.function, arguments: call.function.arguments || '{}' } })) })
    })
  })
}

const user = (content: unknown) => ({ messages: [{ role: 'user', content }] })
const refused: ReadonlyArray<readonly [title: string, body: Fields, code: string, param: string]> = [
  ['no messages', {}, 'missing_parameter', 'messages'],
  ['a message that is none', { messages: ['hi'] }, 'invalid_parameter', 'messages[0]'],
  ['an unknown role', { messages: [{ role: 'king', content: 'x' }] }, 'invalid_parameter', 'messages[0].role'],
  ['no content', { messages: [{ role: 'user' }] }, 'missing_parameter', 'messages[0].content'],
  ['a block without a type', user([{ text: 'x' }]), 'missing_parameter', 'messages[0].content[0].type'],
  ['a text that is none', user([{ type: 'text', text: 1 }]), 'invalid_parameter', 'messages[0].content[0].text'],
  ['a block of a hosted tool', user([{ type: 'web_search_tool_result' }]), 'unsupported_parameter', 'messages[0].content[0].type'],
  ['an image by id', user([{ type: 'image', source: { type: 'file', file_id: 'f' } }]), 'unsupported_parameter', 'messages[0].content[0].source.type'],
  ['a document by url', user([{ type: 'document', source: { type: 'url', url: 'https://a' } }]), 'unsupported_parameter', 'messages[0].content[0].source.type'],
  ['a result without its call', user([{ type: 'tool_result', content: 'x' }]), 'missing_parameter', 'messages[0].content[0].tool_use_id'],
  ['a call whose input is no object', { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: 'x' }] }] }, 'invalid_parameter', 'messages[0].content[0].input'],
  ['a hosted tool', { ...user('x'), tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'unsupported_parameter', 'tools[0].type'],
  ['too many tools', { ...user('x'), tools: Array.from({ length: 129 }, () => ({ name: 'f', input_schema: {} })) }, 'invalid_parameter', 'tools'],
  ['a choice among no tools', { ...user('x'), tool_choice: { type: 'any' } }, 'invalid_parameter', 'tool_choice'],
  ['an image as system', { ...user('x'), system: [{ type: 'image' }] }, 'invalid_parameter', 'system[0].type'],
  ['an MCP server', { ...user('x'), mcp_servers: [{}] }, 'unsupported_parameter', 'mcp_servers'],
  ['fast speed', { ...user('x'), speed: 'fast' }, 'unsupported_parameter', 'speed'],
  ['an answer of no tokens', { ...user('x'), max_tokens: 0 }, 'unsupported_parameter', 'max_tokens']
]
for (const [title, body, code, param] of refused) {
  test(`a message request is refused with its path for ${title}`, t => {
    t.like(t.throws(() => messagesToChat({ model: 'm', max_tokens: 9, ...body })), { code, param })
  })
}
