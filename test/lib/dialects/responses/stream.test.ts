import test from 'ava'
import { chatToResponse, createResponsesStream } from '../../../../lib/dialects/responses/index.ts'
import { answers, chunksOf, completionOf, usage } from '../_answers.ts'
import { contextOf, parsed, streamed } from './_context.ts'

function chunk (delta: object, finish: string | null = null): string {
  return JSON.stringify({ id: 'chatcmpl-42', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })
}

/** Through JSON, as a client has it. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>

/** Ids are made in the order of the stream's events; by place they compare. */
function byPlace (response: Record<string, unknown>) {
  return { ...response, output: (response.output as Array<{ id: string }>).map((item, place) => ({ ...item, id: `${item.id.replace(/\d+$/, '')}${place}` })) }
}

for (const answer of answers) {
  for (const summary of [undefined, 'auto']) {
    test(`a response streamed and whole are the same${summary === undefined ? '' : ', thoughts summarised'}: ${answer.title}`, t => {
      const request = { reasoning: { summary } }
      const whole = plain(chatToResponse({ ...contextOf(request), completion: completionOf(answer), usage }))
      for (let seed = 1; seed <= 20; seed++) {
        for (const interleaved of [false, true]) {
          const events = parsed(streamed(chunksOf(answer, seed, { interleaved }), request))
          t.deepEqual(byPlace(events.at(-1)!.response as Record<string, unknown>), byPlace(whole))
          t.deepEqual(events.map(event => event.sequence_number), events.map((_, place) => place))
        }
      }
    })
  }
}

test('a response stream of text has the events of the specification in their order', t => {
  const events = parsed(streamed([chunk({ role: 'assistant', content: '' }), chunk({ content: 'a' }), chunk({ content: 'b' }), chunk({}, 'stop')]))
  t.deepEqual(events.map(event => event.type), [
    'response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', 'response.output_text.delta', 'response.output_text.delta',
    'response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed'
  ])
  t.like(events[0]!.response, { status: 'in_progress', output: [], usage: null, completed_at: null })
  t.like(events[5], { item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'b', logprobs: [] })
  t.like(events[8]!.item, { id: 'msg_1', status: 'completed', content: [{ type: 'output_text', text: 'ab', annotations: [], logprobs: [] }] })
})

test('a response stream of a call, of a refusal and of thoughts has their events', t => {
  const types = (chunks: string[], request = {}) => parsed(streamed(chunks, request)).map(event => event.type.replace('response.', '')).slice(2, -1)
  t.deepEqual(types([chunk({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{}' } }] }), chunk({}, 'tool_calls')]), [
    'output_item.added', 'function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done'
  ])
  t.deepEqual(types([chunk({ refusal: 'no' }, 'stop')]), ['output_item.added', 'content_part.added', 'refusal.delta', 'refusal.done', 'content_part.done', 'output_item.done'])
  t.deepEqual(types([chunk({ reasoning_content: 'hm' }, 'stop')]), ['output_item.added', 'content_part.added', 'reasoning_text.delta', 'reasoning_text.done', 'content_part.done', 'output_item.done'])
  t.deepEqual(types([chunk({ reasoning_content: 'hm' }, 'stop')], { reasoning: { summary: 'auto' } }), [
    'output_item.added', 'reasoning_summary_part.added', 'reasoning_summary_text.delta', 'reasoning_summary_text.done', 'reasoning_summary_part.done', 'output_item.done'
  ])
})

test('a response that was cut ends with response.incomplete and its last item incomplete', t => {
  const last = parsed(streamed([chunk({ content: 'It goes' }, 'length')])).at(-1)!
  t.is(last.type, 'response.incomplete')
  t.like(last.response, { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, completed_at: null, output: [{ status: 'incomplete' }] })
})

test('a response stream that fails ends with response.failed, what was received, and the flat error event', t => {
  const stream = createResponsesStream(contextOf())
  stream.push(chunk({ content: 'half' }))
  const events = parsed(stream.fail('rate_limit_exceeded', 'Too many.', usage))
  t.deepEqual(events.map(event => event.type), ['response.failed', 'error'])
  t.like(events[0]!.response, { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'Too many.' }, output: [{ status: 'incomplete', content: [{ text: 'half' }] }], usage: { total_tokens: 120 } })
  t.like(events[1], { code: 'rate_limit_exceeded', message: 'Too many.', param: null, sequence_number: events[0]!.sequence_number as number + 1 })
  t.is(stream.response().status, 'failed')
})

test('a response stream that fails at once still begins with response.created', t => {
  const events = parsed(createResponsesStream(contextOf()).fail('upstream_error', 'Broken.'))
  t.deepEqual(events.map(event => event.type), ['response.created', 'response.in_progress', 'response.failed', 'error'])
  t.like(events[2]!.response, { error: { code: 'server_error' } })
})

test('the response of a stream can be had at any time', t => {
  const stream = createResponsesStream(contextOf())
  t.like(stream.response(), { status: 'in_progress', output: [] })
  stream.push(chunk({ content: 'half' }))
  t.like(plain(stream.response()), { status: 'in_progress', output: [{ status: 'in_progress', content: [{ text: 'half' }] }] })
  stream.end(usage)
  t.like(plain(stream.response()), { status: 'completed', completed_at: 1_700_000_009, usage: { input_tokens: 100 } })
})
