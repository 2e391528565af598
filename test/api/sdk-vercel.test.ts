import { createOpenAI, type OpenAIProvider } from '@ai-sdk/openai'
import { APICallError, embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai'
import test from 'ava'
import { pixel, startSdkApi } from './_gateway-api.ts'

let served: Awaited<ReturnType<typeof startSdkApi>>
let openai: OpenAIProvider
test.before(async () => {
  served = await startSdkApi()
  openai = createOpenAI({ baseURL: `${served.api.url}/v1`, apiKey: served.api.key })
})
test.after.always(async () => { await served.close() })

/** The simulator has no tools at /v1/responses, so that what is tried with tools there is translated. */
const surfaces = [
  { surface: 'chat', models: ['sim-instant', 'sim-claude', 'sim-gemini'], open: (model: string) => openai.chat(model) },
  { surface: 'responses', models: ['sim-instant', 'sim-claude', 'sim-gemini'], open: (model: string) => openai(model) }
] as const

const weather = (cities: string[]) => tool({
  description: 'Tells the weather',
  inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }),
  execute: async ({ city }) => {
    cities.push(city)
    return { weather: 'sunny' }
  }
})

for (const { surface, models, open } of surfaces) {
  for (const model of models) {
    test(`Vercel's generateText and streamText read ${model} through ${surface}`, async t => {
      const whole = await generateText({ model: open(model), system: 'Be brief', prompt: 'Say hello', maxOutputTokens: 100, maxRetries: 0 })
      t.regex(whole.text, /Simulated/)
      t.is(whole.finishReason, 'stop')
      t.true(whole.usage.inputTokens! > 0 && whole.usage.outputTokens! > 5)

      const stream = streamText({ model: open(model), prompt: 'Say hello', maxRetries: 0, onError: ({ error }) => { t.fail(String(error)) } })
      let said = ''
      let pieces = 0
      for await (const piece of stream.textStream) {
        said += piece
        pieces += 1
      }
      t.regex(said, /Simulated/)
      t.true(pieces > 3)
      t.is(await stream.finishReason, 'stop')
      const usage = await stream.usage
      t.true(usage.inputTokens! > 0 && usage.outputTokens! > 5)
    })

    test(`Vercel's generateText sends an image to ${model} through ${surface}`, async t => {
      const { text } = await generateText({
        model: open(model),
        maxRetries: 0,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, { type: 'image', image: Buffer.from(pixel, 'base64'), mediaType: 'image/gif' }] }]
      })
      t.regex(text, /Simulated/)
    })

    if (surface === 'responses' && model === 'sim-instant') continue

    test(`Vercel's client runs a tool that ${model} calls through ${surface}, whole and streamed, to the answer after its result`, async t => {
      const cities: string[] = []
      const common = { model: open(model), prompt: 'Use it [[sim:tool]]', stopWhen: stepCountIs(3), maxRetries: 0 }
      const whole = await generateText({ ...common, tools: { weather: weather(cities) } })
      t.is(whole.steps.length, 2)
      t.is(whole.steps[0]!.finishReason, 'tool-calls')
      t.deepEqual(whole.steps[0]!.toolCalls.map(({ toolName, input }) => ({ toolName, input: input as unknown })), [{ toolName: 'weather', input: { city: 'simulated' } }])
      t.regex(whole.text, /Simulated/)
      const stream = streamText({ ...common, tools: { weather: weather(cities) }, onError: ({ error }) => { t.fail(String(error)) } })
      t.regex(await stream.text, /Simulated/)
      t.is((await stream.steps).length, 2)
      t.deepEqual(cities, ['simulated', 'simulated'])
    })

    test(`Vercel's generateObject reads an object of ${model} through ${surface}`, async t => {
      const schema = jsonSchema<{ simulated: boolean, text: string }>({
        type: 'object', properties: { simulated: { type: 'boolean' }, text: { type: 'string' } }, required: ['simulated', 'text'], additionalProperties: false
      })
      const { object } = await generateObject({ model: open(model), schema, prompt: 'Give me one', maxRetries: 0 })
      t.is(typeof object.simulated, 'boolean')
      t.is(typeof object.text, 'string')
    })
  }

  test(`Vercel's client tells what is refused through ${surface}, and whether to try again`, async t => {
    const unknown = await t.throwsAsync(generateText({ model: open('gpt-0'), prompt: 'hello', maxRetries: 0 }), { instanceOf: APICallError })
    t.like(unknown, { statusCode: 404, isRetryable: false })
    t.regex(unknown!.message, /does not exist/)
    const limited = await t.throwsAsync(generateText({ model: open(surface === 'chat' ? 'openai-limited' : 'anthropic-limited'), prompt: '[[sim:429 retry-after=7]]', maxRetries: 0 }), { instanceOf: APICallError })
    t.like(limited, { statusCode: 429, isRetryable: true })
    t.is(limited!.responseHeaders!['retry-after'], '7')
  })

  for (const dialect of ['openai', 'anthropic', 'gemini']) {
    test(`Vercel's streamText tells of a stream from ${dialect} that fails on its way through ${surface}`, async t => {
      // on another provider per surface: five failures in a row open its circuit
      const model = `${dialect}-${surface === 'chat' ? 'broken' : 'failing'}`
      for (const fault of ['stream-error', 'cut', 'unfinished']) {
        const errors: unknown[] = []
        const stream = streamText({ model: open(model), prompt: `[[sim:${fault}]] hello ${surface}`, maxRetries: 0, onError: ({ error }) => { errors.push(error) } })
        let said = ''
        for await (const part of stream.fullStream) if (part.type === 'text-delta') said += part.text
        t.true(said.length > 0, fault)
        t.true(errors.length > 0, fault)
      }
    })
  }
}

for (const model of ['sim-embed', 'sim-gemini-embed']) {
  test(`Vercel's embedMany reads vectors of ${model}`, async t => {
    const { embeddings, usage } = await embedMany({ model: openai.embedding(model), values: ['one', 'another', 'third'], maxRetries: 0 })
    t.deepEqual(embeddings.map(({ length }) => length), Array.from({ length: 3 }, () => model === 'sim-embed' ? 256 : 768))
    t.notDeepEqual(embeddings[0], embeddings[1])
    t.true(usage.tokens > 0)
  })
}
