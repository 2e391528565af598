import test from 'ava'
import { checkMessages } from '../../../lib/dialects/check-messages.ts'

test('messages that OpenAI takes pass', t => {
  t.notThrows(() => {
    checkMessages([
      { role: 'system', content: 'x' },
      { role: 'developer', content: [{ type: 'text', text: 'x' }] },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a' } }, { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } }, { type: 'file', file: { file_id: 'f' } }, { type: 'text', text: '' }], name: 'n' },
      { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '' } }, { id: 'd', type: 'custom', custom: { name: 'g', input: 'x' } }] },
      { role: 'tool', tool_call_id: 'c', content: 'x' },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
      { role: 'assistant', audio: { id: 'a' } },
      { role: 'assistant', content: 'x', tool_calls: null },
      { role: 'function', name: 'f', content: null }
    ])
  })
})

test('parts of other vendors pass', t => {
  t.notThrows(() => { checkMessages([{ role: 'user', content: [{ type: 'video_url', video_url: { url: 'https://a' } }, { type: 'image_url', image_url: 'https://a' }] }]) })
})

const faults: ReadonlyArray<readonly [message: unknown, code: string, param: string]> = [
  ['hi', 'invalid_parameter', 'messages[1]'],
  [{ role: 'user' }, 'missing_parameter', 'messages[1].content'],
  [{ role: 'user', content: null }, 'invalid_parameter', 'messages[1].content'],
  [{ role: 'user', content: [7] }, 'invalid_parameter', 'messages[1].content[0]'],
  [{ role: 'user', content: [{ type: 'text', text: 'x' }, { text: 'x' }] }, 'missing_parameter', 'messages[1].content[1].type'],
  [{ role: 'user', content: [{ type: 'smell' }] }, 'invalid_parameter', 'messages[1].content[0].type'],
  [{ role: 'user', content: [{ type: 'constructor' }] }, 'invalid_parameter', 'messages[1].content[0].type'],
  [{ role: 'user', content: [{ type: 'text' }] }, 'missing_parameter', 'messages[1].content[0].text'],
  [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }, 'missing_parameter', 'messages[1].content[0].image_url.url'],
  [{ role: 'user', content: [{ type: 'input_audio', input_audio: { format: 'wav' } }] }, 'missing_parameter', 'messages[1].content[0].input_audio.data'],
  [{ role: 'tool', content: 'x' }, 'missing_parameter', 'messages[1].tool_call_id'],
  [{ role: 'assistant', tool_calls: {} }, 'invalid_parameter', 'messages[1].tool_calls'],
  [{ role: 'assistant', content: 'x', tool_calls: [{ type: 'function', function: {} }] }, 'missing_parameter', 'messages[1].tool_calls[0].id'],
  [{ role: 'assistant', tool_calls: [{ id: 'c', type: 'magic' }] }, 'invalid_parameter', 'messages[1].tool_calls[0].type'],
  [{ role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: {} } }] }, 'invalid_parameter', 'messages[1].tool_calls[0].function.arguments']
]
test('a fault in a message is named by its path', t => {
  for (const [message, code, param] of faults) t.like(t.throws(() => { checkMessages([{ role: 'user', content: 'x' }, message]) }), { code, param })
})
