import test from 'ava'
import { APIError } from 'openai'
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator'
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses'
import { createResponsesStream } from '../../../../lib/dialects/responses/index.ts'
import { answers, chunksOf } from '../_answers.ts'
import { replaying } from '../_replay.ts'
import { contextOf, parsed, streamed } from './_context.ts'

for (const answer of answers) {
  test(`OpenAI's SDK puts a response stream together to what its last event says: ${answer.title}`, async t => {
    for (const summary of [undefined, 'auto']) {
      const events = parsed(streamed(chunksOf(answer, 3, { interleaved: true }), { reasoning: { summary } })) as unknown as ResponseStreamEvent[]
      let snapshot: Response | undefined
      for (const event of events.slice(0, -1)) snapshot = accumulateResponse(event, snapshot)
      const final = events.at(-1) as Extract<ResponseStreamEvent, { response: Response }>
      t.deepEqual(snapshot?.output, final.response.output)
    }
    const client = await replaying(t, streamed(chunksOf(answer, 4)))
    const response = await client.responses.stream({ model: 'public', input: 'hi' }).finalResponse()
    t.is(response.output_text, answer.message.content ?? '')
    t.deepEqual(
      response.output.flatMap(item => item.type === 'function_call' ? [[item.call_id, item.name, item.arguments]] : []),
      (answer.message.tool_calls ?? []).map(call => [call.id, call.function.name, call.function.arguments])
    )
  })
}

test('OpenAI\'s SDK raises the failure of a response stream as an APIError with its code', async t => {
  const stream = createResponsesStream(contextOf())
  const events = [...stream.push(chunksOf(answers[0]!, 1)[1]!), ...stream.fail('upstream_error', 'The provider failed.')]
  const client = await replaying(t, events)
  const seen: string[] = []
  const error = await t.throwsAsync(async () => {
    for await (const event of await client.responses.create({ model: 'public', input: 'hi', stream: true })) seen.push(event.type)
  }, { instanceOf: APIError })
  t.is(error.code, 'upstream_error')
  t.is(seen.at(-1), 'response.failed')
})
