import test from 'ava'
import type { Fields } from '../../../../lib/dialects/faults.ts'
import { chatToCompletion, completionsToChat, createCompletionsStream } from '../../../../lib/dialects/completions/index.ts'
import { answers, chunksOf, completionOf } from '../_answers.ts'
import { replaying } from '../_replay.ts'

const usageChunk = JSON.stringify({ id: 'chatcmpl-42', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'm', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } })

test('a prompt becomes one user message with its settings', t => {
  t.deepEqual(completionsToChat({
    model: 'm', prompt: ['Once'], max_tokens: 5, temperature: 0.1, stop: ['\n'], stream: true, stream_options: { include_usage: true }, user: 'u', n: 2, top_k: 40, min_p: 0.1, best_of: 2, echo: false, suffix: null, logprobs: null, seed: 1
  }), {
    model: 'm', messages: [{ role: 'user', content: 'Once' }], max_completion_tokens: 5, temperature: 0.1, stop: ['\n'], stream: true, stream_options: { include_usage: true }, user: 'u', n: 2, top_k: 40, min_p: 0.1, seed: 1
  })
})

const refused: ReadonlyArray<readonly [title: string, body: Fields, code: string, param: string]> = [
  ['no prompt', {}, 'missing_parameter', 'prompt'],
  ['several prompts', { prompt: ['a', 'b'] }, 'unsupported_parameter', 'prompt'],
  ['tokens', { prompt: [1, 2] }, 'unsupported_parameter', 'prompt'],
  ['echo', { prompt: 'a', echo: true }, 'unsupported_parameter', 'echo'],
  ['a suffix', { prompt: 'a', suffix: 'z' }, 'unsupported_parameter', 'suffix'],
  ['best_of', { prompt: 'a', best_of: 2 }, 'unsupported_parameter', 'best_of'],
  ['logprobs', { prompt: 'a', logprobs: 0 }, 'unsupported_parameter', 'logprobs']
]
for (const [title, body, code, param] of refused) {
  test(`a completion request is refused for ${title}`, t => {
    t.like(t.throws(() => completionsToChat({ model: 'm', ...body })), { code, param })
  })
}

test('a chat completion becomes a text completion', t => {
  t.deepEqual(chatToCompletion(completionOf(answers[0]!), 'public'), {
    id: 'cmpl-42', object: 'text_completion', created: 1_700_000_000, model: 'public',
    choices: [{ index: 0, text: 'Hello there, how are you?', logprobs: null, finish_reason: 'stop' }],
    usage: completionOf(answers[0]!).usage
  })
})

test('OpenAI\'s SDK reads a stream of completions to the same text, end and usage', async t => {
  for (const answer of answers.filter(({ message }) => message.tool_calls === undefined)) {
    const whole = chatToCompletion(completionOf(answer), 'public')
    const stream = createCompletionsStream('public')
    const events = [...chunksOf(answer, 5).flatMap(stream.push), ...stream.end(null, usageChunk)]
    const client = await replaying(t, events, 'data: [DONE]\n\n')
    let text = ''
    let finish: string | null = null
    let total = 0
    for await (const event of await client.completions.create({ model: 'public', prompt: 'x', stream: true })) {
      t.like(event, { id: whole.id, object: 'text_completion', model: 'public' })
      text += event.choices[0]?.text ?? ''
      finish = event.choices[0]?.finish_reason ?? finish
      total = event.usage?.total_tokens ?? total
    }
    t.deepEqual({ text, finish, total }, { text: whole.choices[0]!.text, finish: whole.choices[0]!.finish_reason, total: 3 })
  }
})
