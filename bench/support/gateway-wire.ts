/** What goes over the wire in the gateway benchmark. */

/** The request's text, about 600 bytes. */
export function requestBody (model: string, stream: boolean): string {
  return JSON.stringify({
    model,
    messages: [
      { role: 'system', content: 'You answer in one short sentence.' },
      { role: 'user', content: 'How long does light take from the sun to the earth? '.repeat(9) }
    ],
    temperature: 0.2,
    max_tokens: 64,
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {})
  })
}

const usage = { prompt_tokens: 150, completion_tokens: 40, total_tokens: 190, prompt_tokens_details: { cached_tokens: 100 }, completion_tokens_details: { reasoning_tokens: 0 } }
const head = { id: 'chatcmpl-bench', created: 1_790_000_000, model: 'bench' }

export const wholeAnswer = Buffer.from(JSON.stringify({
  ...head,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'About eight minutes and twenty seconds, as it is 150 million kilometres away.', refusal: null }, logprobs: null, finish_reason: 'stop' }],
  usage,
  service_tier: 'default',
  system_fingerprint: 'fp_bench'
}))

export const chunkCount = 40
/** 20 s at a chunk every 200 ms. */
export const longChunkCount = 100
/** Few, so that three hundred streams begun each second leave the machine room. */
export const pacedChunkCount = 10

const chunk = (choices: readonly object[], told: object | null): string =>
  `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', service_tier: 'default', system_fingerprint: 'fp_bench', choices, usage: told })}\n\n`
/** `count` chunks with text, then one with usage alone. */
const chunksOf = (count: number): Buffer[] => [
  ...Array.from({ length: count }, (_, number) => chunk([{ index: 0, delta: { content: wordOf(number) }, logprobs: null, finish_reason: null }], null)),
  chunk([], usage)
].map(text => Buffer.from(text))

function wordOf (number: number): string { return `word-${number} ` }

export const chunks = chunksOf(chunkCount)
export const longChunks = chunksOf(longChunkCount)
export const pacedChunks = chunksOf(pacedChunkCount)

/** Throws unless the stream's text has every chunk once, in order, its usage and its end. */
export function checkStream (text: string, count: number): void {
  let at = 0
  for (let number = 0; number < count; number++) {
    at = text.indexOf(`"${wordOf(number)}"`, at)
    if (at === -1) throw new Error(`A stream lost chunk ${number} of ${count}; it ends: ${text.slice(-300)}`)
  }
  if (text.indexOf('"total_tokens":190', at) === -1 || !text.endsWith('data: [DONE]\n\n')) throw new Error(`A stream has no end: ${text.slice(-300)}`)
  if (text.split('"word-').length - 1 !== count) throw new Error('A stream has a chunk twice')
}
