import type { ProviderConfig } from './catalog-types.ts'
import { changeFailure } from './change-failure.ts'
import { ownFailure } from './failure-messages.ts'
import { asksUsage, withStreamUsage } from './forward-body.ts'
import { readRequestId } from './http-call.ts'
import type { HttpAnswer } from './http-call.ts'
import { parseObject } from './json-object.ts'
import { createChatReader } from './openai/chat-stream.ts'
import { sinkWithoutContentParts, withoutContentParts } from './openai/content-parts.ts'
import { encodeVectors } from './openai/encode-vectors.ts'
import { lastUsage } from './openai/last-usage.ts'
import { createPaths } from './openai/paths.ts'
import { errorInside, errorOfChoice, isError, readError } from './openai/read-error.ts'
import { createResponsesReader } from './openai/responses-stream.ts'
import type { StreamReader } from './openai/stream-reader.ts'
import { ProviderFailure } from './types.ts'
import type { Provider, ProviderAnswer, ProviderStreamRequest, StreamOutcome } from './types.ts'
import { createUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'
import { readUsage } from './usage.ts'
import { vendors } from './vendors.ts'

/** A server that speaks OpenAI's HTTP API. */
export function createOpenAICompatible (provider: ProviderConfig): Provider {
  const vendor = vendors[provider.kind]
  const upstream = createUpstream(provider, readError)
  const pathOf = createPaths(provider, upstream.prefix)

  return {
    name: provider.name,
    endpoints: new Set(vendor.endpoints),
    async call (request) {
      const { endpoint, body, wire, clientRequestId, signal, timeout, maxAnswerBytes } = request
      const answer = readAnswer(upstream, await upstream.post({ path: pathOf(request), body: wire ?? body, clientRequestId, signal, timeout, maxAnswerBytes }))
      if (endpoint === '/v1/embeddings') return { ...answer, body: await encodeVectors(request, answer.body) }
      return vendor.contentParts ? { ...answer, body: withoutContentParts(answer.body) } : answer
    },
    async stream (request) {
      const { endpoint, clientRequestId, signal, timeout, maxAnswerBytes, idleTimeout } = request
      const sink = vendor.contentParts ? sinkWithoutContentParts(request.sink) : request.sink
      const parsed = endpoint === '/v1/responses' ? null : request.parsed ?? parseObject(String(request.body))
      const reader = parsed === null
        ? createResponsesReader(upstream, sink)
        : createChatReader(upstream, sink, asksUsage(parsed))
      const body = request.wire ?? (parsed === null ? request.body : streamBody(request, parsed, vendor.streamOptions))
      return await readStream(upstream, reader, upstream.stream({
        path: pathOf(request), body, clientRequestId, signal, timeout, maxAnswerBytes, idleTimeout, accept: reader.accept
      }))
    },
    close: upstream.close
  }
}

function readAnswer (upstream: Upstream, answer: HttpAnswer): ProviderAnswer {
  const { statusCode, text } = answer
  const requestId = readRequestId(answer.headers)
  const last = lastUsage(text)
  if (last !== null) return { statusCode, requestId, body: text, usage: readUsage(last.usage, last.tier) }
  const parsed = parseObject(text)
  if (parsed === null) throw ownFailure('answer_invalid', true, { statusCode, requestId })
  const error = isError(parsed) ? parsed : errorOfChoice(parsed)
  if (error !== null) throw errorInside(upstream, error, answer)
  return { statusCode, requestId, body: text, usage: readUsage(parsed.usage, parsed.service_tier) }
}

/** Usage is always asked for, as it is billed; a vendor that refuses the field tells it unasked. */
function streamBody ({ body }: ProviderStreamRequest, parsed: Readonly<Record<string, unknown>>, streamOptions: boolean): string | Buffer {
  if (streamOptions) return withStreamUsage(String(body), parsed)
  if (parsed.stream_options === undefined) return body
  const { stream_options: _, ...rest } = parsed
  return JSON.stringify(rest)
}

async function readStream (upstream: Upstream, reader: StreamReader, call: Promise<HttpAnswer>): Promise<StreamOutcome> {
  try {
    const answer = await call
    const requestId = readRequestId(answer.headers)
    if (reader.isDone()) return { requestId, ...reader.outcome() }
    if (answer.text === '') throw ownFailure('answer_cut', true, { requestId })
    const parsed = parseObject(answer.text)
    if (parsed !== null && isError(parsed)) throw errorInside(upstream, parsed, answer)
    // an answer, but no stream
    throw ownFailure('answer_invalid', true, { statusCode: answer.statusCode, requestId })
  } catch (error) {
    const { usage } = reader.outcome()
    throw error instanceof ProviderFailure && usage !== null ? changeFailure(error, { partialUsage: usage }) : error
  }
}
