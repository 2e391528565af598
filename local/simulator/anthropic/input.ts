import type { JsonObject } from '../answers/answer.ts'
import { countMessageTokens, countTokens } from '../tokens.ts'

/** The tokens of a prompt, and which of them the prompt cache has to do with. */
export interface InputTokens {
  readonly total: number
  readonly read: number
  readonly written: number
  readonly writtenForAnHour: number
}

/** With a cache_control anywhere, a quarter of the prompt is read from the cache and half is written to it, for the time the first mark names. */
export function countInput (body: JsonObject): InputTokens {
  const { system, messages, tools } = body
  const total = countMessageTokens(messages as readonly unknown[]) +
    (system === undefined ? 0 : typeof system === 'string' ? countTokens(system) : countMessageTokens([{ content: system }])) +
    (tools === undefined ? 0 : countTokens(JSON.stringify(tools)))
  const mark = /"cache_control":(\{[^}]*\})/.exec(JSON.stringify([body['cache_control'] === undefined ? null : { cache_control: body['cache_control'] }, system, tools, messages]))
  if (mark === null) return { total, read: 0, written: 0, writtenForAnHour: 0 }
  const written = Math.floor(total / 2)
  return { total, read: Math.floor(total / 4), written, writtenForAnHour: mark[1]!.includes('"1h"') ? written : 0 }
}

/** As Anthropic tells it: input_tokens is what the cache had nothing to do with. */
export function usageOf ({ total, read, written, writtenForAnHour }: InputTokens, outputTokens: number, thinkingTokens: number): JsonObject {
  return {
    input_tokens: total - read - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    cache_creation: { ephemeral_5m_input_tokens: written - writtenForAnHour, ephemeral_1h_input_tokens: writtenForAnHour },
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: thinkingTokens },
    server_tool_use: null,
    inference_geo: null,
    service_tier: 'standard'
  }
}
