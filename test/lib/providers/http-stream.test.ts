import test from 'ava'
import { createOpenAICompatible } from '../../../lib/providers/openai-compatible.ts'
import { providerAt, startUpstream } from './_upstream.ts'

// alone in its file: it counts the timers of the process
test('a stream leaves no timer behind, however it ended', async t => {
  const upstream = await startUpstream((_request, response, body) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[]}\n\n')
    if (body.includes('whole')) response.end('data: [DONE]\n\n')
    else if (body.includes('cut')) response.end()
    else if (body.includes('fails')) response.write('data: {"error":"x"}\n\n')
    else response.destroy()
  })
  const provider = createOpenAICompatible(providerAt(upstream.url))
  t.teardown(async () => {
    await provider.close()
    await upstream.close()
  })
  const stream = async (how: string): Promise<boolean> => await provider.stream({
    endpoint: '/v1/chat/completions',
    body: JSON.stringify({ model: how }),
    clientRequestId: 'req_1',
    timeout: 987_654,
    idleTimeout: 876_543,
    maxAnswerBytes: 10_000,
    sink: { events: () => true }
  }).then(() => true, () => false)
  const timers = (): number => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
  // connections and undici's clock come with the first ones
  for (const how of ['whole', 'cut', 'fails', 'broken']) await stream(how)
  const before = timers()
  for (let round = 0; round < 10; round++) {
    t.true(await stream('whole'))
    for (const how of ['cut', 'fails', 'broken']) t.false(await stream(how))
  }
  // a connection's own timers come and go
  t.true(timers() <= before + 4, `${before} timers before, ${timers()} after 40 streams`)
})
