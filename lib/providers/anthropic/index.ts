import type { ChatRequest } from '../../contracts/chat.ts'
import type { ProviderConfig } from '../catalog-types.ts'
import { changeFailure } from '../change-failure.ts'
import { ownFailure } from '../failure-messages.ts'
import { readRequestId } from '../http-call.ts'
import type { HttpAnswer } from '../http-call.ts'
import { isObject, parseObject } from '../json-object.ts'
import { ProviderFailure } from '../types.ts'
import type { Endpoint, Provider, ProviderRequest, StreamEvent } from '../types.ts'
import { createUpstream } from '../upstream.ts'
import type { Upstream, UpstreamCall } from '../upstream.ts'
import { readAnthropicError } from './error.ts'
import { createChatReader, createMessagesReader } from './event-readers.ts'
import { toMessagesRequest } from './request.ts'
import { toChatCompletion } from './response.ts'
import { readMessageUsage } from './usage.ts'

/**
 * Not the newest: 2026-10-21 refuses temperature, top_p and top_k for every model, also for those that take them, and gives nothing
 * in return that is used here. A request fit for the newer version means the same in this one.
 */
const anthropicVersion = '2023-06-01'

const endpoints: ReadonlySet<Endpoint> = new Set<Endpoint>(['/v1/chat/completions', '/v1/messages'])

/** Anthropic's Messages API: as it is at /v1/messages, translated at /v1/chat/completions. A request that cannot be translated rejects with a SiraError. */
export function createAnthropic (provider: ProviderConfig): Provider {
  const upstream = createUpstream(provider, readAnthropicError)
  const path = `${upstream.prefix}/messages`
  const headers = ['anthropic-version', anthropicVersion]
  const toCall = ({ endpoint, anthropicBeta, clientRequestId, signal, timeout, maxAnswerBytes }: ProviderRequest, body: string | Buffer): UpstreamCall => ({
    path,
    headers: anthropicBeta === undefined || endpoint !== '/v1/messages' ? headers : [...headers, 'anthropic-beta', anthropicBeta],
    body,
    clientRequestId,
    signal,
    timeout,
    maxAnswerBytes
  })

  return {
    name: provider.name,
    endpoints,

    async call (request) {
      const answer = await upstream.post(toCall(request, toBody(request)))
      const { statusCode, text } = answer
      const message = readMessage(upstream, answer)
      const body = request.endpoint === '/v1/messages' ? text : JSON.stringify(toChatCompletion(message, now()))
      return { statusCode, requestId: readRequestId(answer.headers), body, usage: readMessageUsage(message['usage']) }
    },

    async stream (request) {
      const { idleTimeout, sink } = request
      const reader = request.endpoint === '/v1/messages' ? createMessagesReader() : createChatReader(now())
      const accept = (events: readonly StreamEvent[], resume: () => void): 'more' | 'pause' | 'end' => {
        const out: StreamEvent[] = []
        let failure: ProviderFailure | null = null
        for (const event of events) {
          const parsed = parseObject(event.data)
          failure = eventFailure(upstream, event, parsed)
          if (failure !== null || parsed === null) break
          reader.read(event, parsed, out)
          if (reader.ended) break
        }
        const goOn = out.length === 0 || sink.events(out, resume)
        // what came before the error is the caller's all the same
        if (failure !== null) throw failure
        if (reader.ended) return 'end'
        return goOn ? 'more' : 'pause'
      }
      try {
        const answer = await upstream.stream({ ...toCall(request, toBody(request)), idleTimeout, accept })
        const requestId = readRequestId(answer.headers)
        if (!reader.ended) throw unfinished(upstream, answer, requestId)
        return { requestId, usage: reader.usage(), usageEvent: reader.usageEvent() }
      } catch (error) {
        throw error instanceof ProviderFailure ? changeFailure(error, { partialUsage: reader.usage() }) : error
      }
    },

    close: upstream.close
  }
}

function toBody (request: ProviderRequest): string | Buffer {
  if (request.wire !== undefined) return request.wire
  if (request.endpoint === '/v1/messages') return request.body
  const chat = request.parsed ?? JSON.parse(String(request.body)) as Record<string, unknown>
  return JSON.stringify(toMessagesRequest(chat as unknown as ChatRequest))
}

function readMessage (upstream: Upstream, answer: HttpAnswer): Record<string, unknown> {
  const message = parseObject(answer.text)
  const requestId = readRequestId(answer.headers)
  if (isObject(message?.['error'])) throw upstream.failure(readAnthropicError(message), answer.statusCode, { requestId, body: JSON.stringify(message) })
  if (!Array.isArray(message?.['content']) || !message['content'].every(isObject)) {
    throw ownFailure('answer_invalid', true, { statusCode: answer.statusCode, requestId })
  }
  return message
}

/** Anthropic tells of overload after a 200 as an event (Portkey #741, vercel/ai #5217). */
function eventFailure (upstream: Upstream, event: StreamEvent, parsed: Record<string, unknown> | null): ProviderFailure | null {
  if (event.name === 'error' || parsed?.['type'] === 'error') {
    return upstream.failure(readAnthropicError(parsed), 200, { body: parsed === null ? null : JSON.stringify(parsed) })
  }
  return parsed === null ? ownFailure('answer_invalid', true, { statusCode: 200 }) : null
}

/** A stream that ended without message_stop, or an answer that was none. */
function unfinished (upstream: Upstream, answer: HttpAnswer, requestId: string | null): ProviderFailure {
  if (answer.text === '') return ownFailure('answer_cut', true, { statusCode: answer.statusCode, requestId })
  const parsed = parseObject(answer.text)
  if (!isObject(parsed?.['error'])) return ownFailure('answer_invalid', true, { statusCode: answer.statusCode, requestId })
  return upstream.failure(readAnthropicError(parsed), answer.statusCode, { requestId, body: JSON.stringify(parsed) })
}

function now (): number {
  return Math.floor(Date.now() / 1000)
}
