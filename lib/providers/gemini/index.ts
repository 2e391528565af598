import type { ChatChunk, ChatRequest } from '../../contracts/chat.ts'
import type { ProviderConfig } from '../catalog-types.ts'
import { changeFailure } from '../change-failure.ts'
import { ownFailure } from '../failure-messages.ts'
import { readRequestId } from '../http-call.ts'
import type { HttpAnswer } from '../http-call.ts'
import { parseObject } from '../json-object.ts'
import { ProviderFailure } from '../types.ts'
import type { Endpoint, Provider, ProviderAnswer, ProviderRequest, StreamEvent } from '../types.ts'
import { createUpstream } from '../upstream.ts'
import type { Upstream, UpstreamCall } from '../upstream.ts'
import { toBatchEmbedContents, toEmbeddings } from './embeddings.ts'
import type { EmbeddingsRequest } from './embeddings.ts'
import { readGeminiError, readRetryDelay } from './error.ts'
import { generateContentPath, modelPath, toGenerateContent } from './request.ts'
import { toChatCompletion } from './response.ts'
import { createChatStream } from './stream.ts'
import type { ChatStream } from './stream.ts'

const endpoints: ReadonlySet<Endpoint> = new Set<Endpoint>(['/v1/chat/completions', '/v1/embeddings'])

/** Gemini's generateContent at /v1/chat/completions, its batchEmbedContents at /v1/embeddings. A request that cannot be translated rejects with a SiraError. */
export function createGemini (provider: ProviderConfig): Provider {
  const upstream = createUpstream(provider, readGeminiError)

  return {
    name: provider.name,
    endpoints,

    async call (request) {
      try {
        if (request.endpoint === '/v1/embeddings') return await embed(upstream, request)
        const chat = readChat(request)
        const answer = await upstream.post(toCall(request, upstream.prefix + generateContentPath(chat.model, false), request.wire ?? toGenerateContent(chat)))
        const { completion, usage } = toChatCompletion(readAnswer(upstream, answer), chat.model, now())
        return { statusCode: answer.statusCode, requestId: readRequestId(answer.headers), body: JSON.stringify(completion), usage }
      } catch (error) {
        throw completed(error, {})
      }
    },

    async stream (request) {
      const chat = readChat(request)
      const call = toCall(request, upstream.prefix + generateContentPath(chat.model, true), request.wire ?? toGenerateContent(chat))
      const { idleTimeout, sink } = request
      const translated = createChatStream(chat.model, now())
      const accept = (events: readonly StreamEvent[], resume: () => void): 'more' | 'pause' => {
        const { out, failure } = translate(upstream, translated, events)
        const goOn = out.length === 0 || sink.events(out, resume)
        // what came before the failure is the caller's all the same
        if (failure !== null) throw failure
        return goOn ? 'more' : 'pause'
      }
      try {
        const answer = await upstream.stream({ ...call, idleTimeout, accept })
        if (answer.text !== '') throw noAnswer(upstream, answer)
        const last = translated.end()
        sink.events(last.map(toEvent), () => {})
        const usageChunk = translated.usageChunk()
        return { requestId: readRequestId(answer.headers), usage: translated.usage(), usageEvent: usageChunk === null ? null : JSON.stringify(usageChunk) }
      } catch (error) {
        throw completed(error, { partialUsage: translated.usage() })
      }
    },

    close: upstream.close
  }
}

function readChat ({ parsed, body }: ProviderRequest): ChatRequest {
  return (parsed ?? JSON.parse(String(body))) as ChatRequest
}

function toCall ({ clientRequestId, signal, timeout, maxAnswerBytes }: ProviderRequest, path: string, body: object): UpstreamCall {
  return { path, body: Buffer.isBuffer(body) ? body : JSON.stringify(body), clientRequestId, signal, timeout, maxAnswerBytes }
}

async function embed (upstream: Upstream, request: ProviderRequest): Promise<ProviderAnswer> {
  const asked = (request.parsed ?? JSON.parse(String(request.body))) as unknown as EmbeddingsRequest
  const answer = await upstream.post(toCall(request, `${upstream.prefix}${modelPath(asked.model)}:batchEmbedContents`, request.wire ?? toBatchEmbedContents(asked)))
  return { statusCode: answer.statusCode, requestId: readRequestId(answer.headers), ...toEmbeddings(readAnswer(upstream, answer), asked, request.wire?.length) }
}

function readAnswer (upstream: Upstream, answer: HttpAnswer): Record<string, unknown> {
  const parsed = parseObject(answer.text)
  if (parsed === null || parsed.error !== undefined) throw noAnswer(upstream, answer)
  return parsed
}

/** A 2xx with something else than an answer in it: an error, or what is no JSON. */
function noAnswer (upstream: Upstream, { text, statusCode, headers }: HttpAnswer): ProviderFailure {
  const parsed = parseObject(text)
  const requestId = readRequestId(headers)
  if (parsed?.error === undefined) return ownFailure('answer_invalid', true, { statusCode, requestId })
  return upstream.failure(readGeminiError(parsed), statusCode, { requestId, body: JSON.stringify(parsed) })
}

/** Events as chunks, up to the first that is a failure: an error told in the stream (Portkey #741), a blocked prompt, no JSON. */
function translate (upstream: Upstream, translated: ChatStream, events: readonly StreamEvent[]): { out: StreamEvent[], failure: unknown } {
  const out: StreamEvent[] = []
  try {
    for (const { data } of events) {
      const parsed = parseObject(data)
      if (parsed === null) throw ownFailure('answer_invalid', true, { statusCode: 200 })
      if (parsed.error !== undefined) throw upstream.failure(readGeminiError(parsed), 200, { body: JSON.stringify(parsed) })
      for (const chunk of translated.push(parsed)) out.push(toEvent(chunk))
    }
  } catch (failure) {
    return { out, failure }
  }
  return { out, failure: null }
}

/** A failure with what only the body told: how long to wait, and what had been used. */
function completed (error: unknown, more: Parameters<typeof changeFailure>[1]): unknown {
  if (!(error instanceof ProviderFailure)) return error
  const { throttled, retryAfter } = error.class
  if (!throttled || retryAfter !== null || error.body === null) return changeFailure(error, more)
  return changeFailure(error, { ...more, class: { ...error.class, retryAfter: readRetryDelay(parseObject(error.body)) } })
}

function toEvent (chunk: ChatChunk): StreamEvent {
  return { name: null, data: JSON.stringify(chunk) }
}

function now (): number {
  return Math.floor(Date.now() / 1000)
}
