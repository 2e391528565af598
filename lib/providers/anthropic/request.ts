import type { ChatRequest, ResponseFormat } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import { invalid } from './content.ts'
import { toOutputSchema } from './schema.ts'
import { planThinking } from './thinking.ts'
import { toToolFields } from './tools.ts'
import { toConversation } from './turns.ts'
import type { Effort, MessagesRequest, TextBlock, Thinking, Turn } from './wire.ts'

/**
 * A chat request as a messages request. Values are taken to be within Anthropic's ranges already; what it has no field for (seed,
 * penalties, logit_bias, logprobs) is left out. Throws SiraError for what can be neither translated nor left out.
 */
export function toMessagesRequest (request: ChatRequest): MessagesRequest {
  const { model, n } = request
  if (n !== undefined && n !== null && n !== 1) throw new SiraError('unsupported_parameter', { model, param: 'n', reason: 'one choice only.' })
  if (!Array.isArray(request.messages)) throw invalid('messages', 'expected a list of messages.')
  const { system, turns } = toConversation(request.messages)
  const toolFields = toToolFields(request, turns)
  const format = toFormat(request.response_format)
  const forced = toolFields.tool_choice?.type === 'any' || toolFields.tool_choice?.type === 'tool'
  const plan = planThinking({
    model,
    effort: request.reasoning_effort ?? null,
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
    toolForced: forced,
    thinkingLost: thinkingLost(turns)
  })
  const instructions = format.instruction === null ? system : [...system, { type: 'text', text: format.instruction } satisfies TextBlock]
  const user = request.safety_identifier ?? request.user
  return {
    model,
    max_tokens: plan.maxTokens,
    messages: turns,
    ...instructions.length > 0 ? { system: instructions } : {},
    ...request.stream === true ? { stream: true } : {},
    ...samplingFields(request, plan.thinking),
    ...stopFields(request.stop),
    ...toolFields,
    ...plan.thinking === undefined ? {} : { thinking: plan.thinking },
    ...outputConfig(plan.effort, format.schema),
    ...typeof user === 'string' && user !== '' ? { metadata: { user_id: user } } : {},
    ...tierFields(request.service_tier),
    ...request['cache_control'] === undefined ? {} : { cache_control: request['cache_control'] }
  }
}

const leastThinkingTopP = 0.95

function samplingFields ({ temperature, top_p: topP, top_k: topK }: ChatRequest, thinking: Thinking | undefined): Pick<MessagesRequest, 'temperature' | 'top_p' | 'top_k'> {
  // 1 is the default of both. Models since 4.1 refuse the two together and those since 4.7 refuse either, so it is not sent.
  const warm = typeof temperature === 'number' && temperature !== 1 ? temperature : null
  const nucleus = typeof topP === 'number' && topP !== 1 ? topP : null
  if (thinking !== undefined && thinking.type !== 'disabled') {
    // thinking allows no temperature, no top_k and hardly a top_p
    return nucleus !== null && nucleus >= leastThinkingTopP ? { top_p: nucleus } : {}
  }
  return { ...warm === null ? {} : { temperature: warm }, ...nucleus === null ? {} : { top_p: nucleus }, ...typeof topK === 'number' && topK > 0 ? { top_k: topK } : {} }
}

function stopFields (stop: ChatRequest['stop']): Pick<MessagesRequest, 'stop_sequences'> {
  if (stop === undefined || stop === null || stop.length === 0) return {}
  return { stop_sequences: typeof stop === 'string' ? [stop] : stop }
}

function tierFields (tier: string | null | undefined): Pick<MessagesRequest, 'service_tier'> {
  if (tier === 'default') return { service_tier: 'standard_only' }
  return tier === 'auto' || tier === 'priority' ? { service_tier: 'auto' } : {}
}

interface Format {
  readonly schema: Readonly<Record<string, unknown>> | null
  /** Said at the end of the system prompt where there is no native way. */
  readonly instruction: string | null
}

const anyJson = 'Answer with one JSON object and nothing else: no text around it and no code fence.'

function toFormat (format: ResponseFormat | null | undefined): Format {
  if (format?.type === 'json_object') return { schema: null, instruction: anyJson }
  if (format?.type !== 'json_schema') return { schema: null, instruction: null }
  const asked = format.json_schema?.schema
  if (typeof asked !== 'object' || asked === null) return { schema: null, instruction: anyJson }
  // Native rather than a forced tool, which would exclude thinking and need its stop reason put right (litellm #8901).
  const schema = toOutputSchema(asked, 'response_format')
  return schema === null ? { schema, instruction: `${anyJson} It has to follow this JSON schema: ${JSON.stringify(asked)}` } : { schema, instruction: null }
}

function outputConfig (effort: Effort | undefined, schema: Format['schema']): Pick<MessagesRequest, 'output_config'> {
  if (effort === undefined && schema === null) return {}
  return { output_config: { ...effort === undefined ? {} : { effort }, ...schema === null ? {} : { format: { type: 'json_schema', schema } } } }
}

/** Whether the calls that are being answered lack the thinking before them, which a thinking model with a budget refuses. */
function thinkingLost (turns: readonly Turn[]): boolean {
  if (turns.at(-1)?.content[0]?.type !== 'tool_result') return false
  const first = turns.at(-2)?.content[0]?.type
  return first !== 'thinking' && first !== 'redacted_thinking'
}
