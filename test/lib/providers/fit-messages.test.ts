import test from 'ava'
import type { ChatRequest } from '../../../lib/contracts/chat.ts'
import { messagesToChat } from '../../../lib/dialects/messages/index.ts'
import { toChatCompletion } from '../../../lib/providers/gemini/response.ts'
import { fitParameters } from '../../../lib/providers/parameters/index.ts'
import { vendors, type VendorKind } from '../../../lib/providers/vendors.ts'

interface Message { role: string, content?: unknown, tool_call_id?: string, tool_calls?: { id: string, extra_content?: unknown }[], [field: string]: unknown }

const kinds = Object.keys(vendors) as VendorKind[]

function fit (kind: VendorKind, messages: readonly object[]): Message[] {
  const before = structuredClone(messages)
  const { body } = fitParameters(kind, 'm', { model: 'm', messages } as unknown as ChatRequest, 'refuse')
  if (JSON.stringify(before) !== JSON.stringify(messages)) throw new Error('what was given has been changed')
  return body.messages as unknown as Message[]
}

const signature = Buffer.from('s'.repeat(600)).toString('base64')
/** What Gemini answered, as a client sends it back, with the results of its calls. */
function signedTurns (): Message[] {
  const parts = [{ functionCall: { name: 'weather', args: {} }, thoughtSignature: signature }, { functionCall: { name: 'time', args: {} } }]
  const { completion } = toChatCompletion({ candidates: [{ content: { parts }, finishReason: 'STOP' }] }, 'gemini-3-pro', 0)
  const message = completion.choices[0]!.message as unknown as Message
  return [{ role: 'user', content: 'Go' }, message, ...message.tool_calls!.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'fine' }))]
}

for (const kind of kinds.filter(kind => kind !== 'gemini')) {
  test(`calls that Gemini signed go to ${kind} with ids that it takes, alike in call and result`, t => {
    const [, called, ...results] = fit(kind, signedTurns())
    const ids = called!.tool_calls!.map(({ id }) => id)
    t.deepEqual(results.map(result => result.tool_call_id), ids)
    t.is(new Set(ids).size, 2)
    for (const id of ids) t.regex(id, kind === 'mistral' ? /^[a-zA-Z0-9]{9}$/ : /^[\w-]{1,40}$/)
  })
}

test('calls go back to Gemini with their signatures', t => {
  const turns = signedTurns()
  t.is(fit('gemini', turns), turns)
})

test('ids that a vendor takes stay, and others become the same each time', t => {
  const turns = (id: string): object[] => [{ role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: id, content: '' }]
  for (const [kind, id] of [['mistral', 'abcDEF123'], ['openai', 'call_abcdefghijklmnopqrstuvwx'], ['anthropic', 'toolu_01A09q90qw90lq917835lq9']] as const) {
    const given = turns(id)
    t.is(fit(kind, given) as unknown, given)
  }
  t.deepEqual(fit('mistral', turns('toolu_01A09q90qw90lq917835lq9')), fit('mistral', turns('toolu_01A09q90qw90lq917835lq9')))
  t.notDeepEqual(fit('mistral', turns('call_1')), fit('mistral', turns('call_2')))
  t.true(fit('azure', turns('x'.repeat(41)))[0]!.tool_calls![0]!.id.length <= 40)
})

test('a developer\'s message is a system message where the role is not known', t => {
  for (const kind of kinds) {
    const [said] = fit(kind, [{ role: 'developer', content: 'Be kind' }, { role: 'user', content: 'hi' }])
    t.deepEqual(said, { role: ['openai', 'azure', 'openrouter', 'anthropic', 'gemini'].includes(kind) ? 'developer' : 'system', content: 'Be kind' }, kind)
  }
})

const thought = { type: 'thinking', thinking: 'hm', signature: 'c2ln' }
const replayed = messagesToChat({
  model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'Go' }, { role: 'assistant', content: [thought, { type: 'text', text: 'Gone' }] }, { role: 'user', content: 'On' }]
}).messages

for (const kind of ['groq', 'mistral'] as const) {
  test(`fields that ${kind} refuses are left out of an assistant's message, whoever answered`, t => {
    t.deepEqual(fit(kind, replayed)[1]!, { role: 'assistant', content: 'Gone' })
    const calls = [{ id: 'abcDEF123', type: 'function', function: { name: 'f', arguments: '{}' }, extra_content: { google: { thought_signature: 'c2ln' } } }]
    t.deepEqual(fit(kind, [{ role: 'assistant', content: null, refusal: null, annotations: [], tool_calls: calls }]), [
      { role: 'assistant', content: null, tool_calls: [{ id: 'abcDEF123', type: 'function', function: { name: 'f', arguments: '{}' } }] }
    ] as unknown as Message[])
    t.deepEqual(fit(kind, [{ role: 'assistant', content: null, refusal: 'No.' }]), [{ role: 'assistant', content: 'No.' }])
  })
}

test('thoughts that OpenRouter named reasoning go back to those that know the name, and not to Mistral', t => {
  const answered = { role: 'assistant', content: 'Gone', reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] }
  t.deepEqual(fit('mistral', [answered])[0]!, { role: 'assistant', content: 'Gone' })
  t.deepEqual(fit('groq', [answered])[0]!, { role: 'assistant', content: 'Gone', reasoning: 'hm' })
  t.deepEqual(fit('openrouter', [answered])[0]!, answered)
})

test('DeepSeek gets back what it thought, which it asks for beside calls', t => {
  t.is(fit('deepseek', replayed)[1]!.reasoning_content, 'hm')
})
