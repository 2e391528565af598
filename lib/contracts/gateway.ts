import type { InputBound } from '../domain/estimate-tokens.ts'
import type { HeaderList } from '../domain/header-list.ts'
import type { Endpoint, StreamEvent } from '../providers/types.ts'
import type { Caller } from './jobs.ts'

/** A request for a model, on whatever surface it came. Times: createdAt ms since 1970; startedAt, deadline monotonic ms. */
export interface GatewayRequest {
  readonly id: string
  readonly caller: Caller
  /** The dialect the caller speaks. */
  readonly endpoint: Endpoint
  /** The body as it came, and parsed. */
  readonly text: string
  readonly body: Readonly<Record<string, unknown>>
  /** A body that was read off the event loop: `body` has stand-ins for its bulk, `text` is empty. */
  readonly large?: LargeBody | undefined
  readonly createdAt: number
  readonly startedAt: number
  /** When the client will have given up waiting for an answer to begin. */
  readonly deadline: number
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
  readonly cache: CacheWish
  /** W3C trace context of the caller, where it sent one. */
  readonly traceparent: string | undefined
  /** Beta features of Anthropic's that a caller of /v1/messages asks for (header anthropic-beta). */
  readonly anthropicBeta?: string | undefined
  /** Overrides the model's rule for parameters a target cannot do; null = the model's. */
  readonly unsupported: 'refuse' | 'drop' | null
}

/**
 * The JSON text of a large body. A thread that works on it takes the memory over and gives it back, so it is never copied: to copy 25 MB
 * takes 100 ms and more. (Memory that threads share needs no handing over, but V8 does not count it: garbage of it grows without bound.)
 */
export interface LargeText { bytes: Uint8Array<ArrayBuffer> }

/** A body that stays off the event loop, and what was found out about it. */
export interface LargeBody {
  readonly text: LargeText
  readonly input: InputBound
  /** The fields that are only in the bytes. */
  readonly bulk: readonly string[]
  /** Whether a responses' input names stored items by id. */
  readonly refers: boolean
}

/** What the request says of the cache (header x-sira-cache); absent = as the key says. */
export interface CacheWish {
  readonly mode: 'default' | 'off' | 'refresh'
  /** Seconds; null = the key's. */
  readonly ttlSeconds: number | null
}

/** x-sira-* and limit headers. */
export type AnswerHeaders = HeaderList

/** An answer as a whole, in the caller's dialect. */
export interface WholeAnswer {
  readonly headers: AnswerHeaders
  /** USD, as in x-sira-cost; null = not known. */
  readonly cost: string | null
  /** JSON text. */
  readonly body: string
}

/** Where a streamed answer goes, in the caller's dialect. */
export interface StreamReply {
  /** Once, before the first events; from then on a failure can only be told inside the stream. */
  begin: (headers: AnswerHeaders) => void
  /** false = wait until `resume` is called. `wire` = the events as text, where it is at hand. */
  write: (events: readonly StreamEvent[], resume: () => void, wire?: string | null) => boolean
}
