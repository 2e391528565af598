import test from 'ava'
import type { ChatCompletion } from '../../../lib/contracts/chat.ts'
import { chatToMessage, createMessagesStream } from '../../../lib/dialects/messages/index.ts'
import { chatToResponse } from '../../../lib/dialects/responses/index.ts'
import { completionOf } from './_answers.ts'
import { fold } from './messages/_fold.ts'
import { contextOf, parsed, streamed } from './responses/_context.ts'

/** As vendors tell the thought "hm" before the text "Yes". */
const spellings: ReadonlyArray<readonly [vendor: string, thought: object]> = [
  ['DeepSeek', { reasoning_content: 'hm' }],
  ['OpenRouter', { reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] }],
  ['a server that says it twice', { reasoning_content: 'hm', reasoning: 'hm' }],
  ['a server that leaves the older name empty', { reasoning_content: '', reasoning: 'hm' }],
  ['a server that leaves the older name null', { reasoning_content: null, reasoning: 'hm' }]
]

function completion (message: object): ChatCompletion {
  return completionOf({ title: '', message: { content: 'Yes', ...message }, finish: 'stop' })
}

function chunks (thought: object): string[] {
  const chunk = (delta: object, finish: string | null = null): string =>
    JSON.stringify({ id: 'chatcmpl-42', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })
  return [chunk({ role: 'assistant', content: '', ...thought }), chunk({ content: 'Yes' }), chunk({ content: '', reasoning: null }, 'stop')]
}

for (const [vendor, thought] of spellings) {
  test(`what is thought at ${vendor} is a block of thinking in a message, whole and streamed`, t => {
    const content = [{ type: 'thinking', thinking: 'hm', signature: '' }, { type: 'text', text: 'Yes', citations: null }]
    t.deepEqual<unknown, unknown>(chatToMessage(completion(thought), 'public').content, content)
    const stream = createMessagesStream('public')
    t.deepEqual(fold([...chunks(thought).flatMap(chunk => stream.push(chunk)), ...stream.end(null)]).content, content)
  })

  test(`what is thought at ${vendor} is a reasoning item of a response, whole and streamed`, t => {
    const whole = chatToResponse({ ...contextOf({}), completion: completion(thought), usage: null }).output
    const last = parsed(streamed(chunks(thought))).at(-1)!.response as { output: object[] }
    for (const output of [whole, last.output]) {
      t.like(output, [{ type: 'reasoning', content: [{ type: 'reasoning_text', text: 'hm' }] }, { type: 'message', content: [{ text: 'Yes' }] }])
      t.is(output.length, 2)
    }
  })
}

test('a reasoning that is no text is passed over', t => {
  t.deepEqual(chatToMessage(completion({ reasoning: { effort: 'low' } }), 'public').content.map(({ type }) => type), ['text'])
})
