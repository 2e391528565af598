import type { FinishReason, ReceivedChunk } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import type { StreamEvent } from '../../providers/types.ts'
import type { Fields } from '../faults.ts'
import { thoughtOf } from '../thought.ts'
import { responseError, responseErrorEvent } from './error.ts'
import { createOutputWriter } from './output-writer.ts'
import { incompleteReason, readLogprobs, responseObject, wantsSummary, type ResponseContext, type ResponseObject } from './response.ts'

export interface ResponsesStream {
  /** One chunk of a chat stream as JSON text. */
  push: (data: string) => StreamEvent[]
  /** After the chat stream has come to its end. */
  end: (usage: Usage | null) => StreamEvent[]
  /** After it has not: response.failed, then the error event that OpenAI's SDKs raise. `code` is one of ours. */
  fail: (code: string, message: string, usage?: Usage | null) => StreamEvent[]
  /** The response as it is now. Its output grows on: write it down at once. */
  response: () => ResponseObject
}

/** A chat stream as the events of /v1/responses, numbered from 0. */
export function createResponsesStream (context: ResponseContext): ResponsesStream {
  let events: StreamEvent[] = []
  let sequence = 0
  let started = false
  let finish: FinishReason | null = null
  let serviceTier: unknown = null
  let final: ResponseObject | null = null
  const writer = createOutputWriter({ newId: context.newId, summarised: wantsSummary(context.request), emit })

  function emit (type: string, fields: Fields): void {
    events.push({ name: type, data: JSON.stringify({ type, sequence_number: sequence++, ...fields }) })
  }

  function current (): ResponseObject {
    return final ?? responseObject(context, { status: 'in_progress', output: writer.output, serviceTier })
  }

  function start (): void {
    if (started) return
    started = true
    emit('response.created', { response: current() })
    emit('response.in_progress', { response: current() })
  }

  function take (): StreamEvent[] {
    const taken = events
    events = []
    return taken
  }

  return {
    push (data) {
      const chunk = JSON.parse(data) as ReceivedChunk & { readonly service_tier?: unknown }
      serviceTier = chunk.service_tier ?? serviceTier
      start()
      const choice = chunk.choices?.[0]
      if (choice === undefined || choice.index !== 0) return take()
      const delta = choice.delta ?? {}
      const { thinking_blocks: blocks, content, refusal, tool_calls: pieces } = delta
      const thought = thoughtOf(delta)
      if (thought !== '') writer.think(thought)
      if (blocks) for (const block of blocks) writer.thinkBlock(block, thought !== '')
      if (content) writer.say(content, readLogprobs(choice.logprobs))
      if (refusal) writer.refuse(refusal)
      if (pieces) for (const piece of pieces) writer.call(piece)
      finish = choice.finish_reason ?? finish
      return take()
    },
    end (usage) {
      start()
      const incomplete = incompleteReason(finish)
      writer.end(incomplete !== null)
      const status = incomplete === null ? 'completed' : 'incomplete'
      final = responseObject(context, { status, output: writer.output, usage, incomplete, serviceTier })
      emit(`response.${status}`, { response: final })
      return take()
    },
    fail (code, message, usage = null) {
      start()
      writer.cut()
      final = responseObject(context, { status: 'failed', output: writer.output, usage, error: responseError(code, message), serviceTier })
      emit('response.failed', { response: final })
      events.push(responseErrorEvent(code, message, sequence++))
      return take()
    },
    response: current
  }
}
