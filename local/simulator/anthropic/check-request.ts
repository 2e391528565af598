import type { IncomingHttpHeaders } from 'node:http'
import { errorAnswer } from '../error-answer.ts'
import type { JsonObject, Refusal } from '../answers/answer.ts'
import { wholeNumber } from '../answers/answer.ts'
import { checkTurns } from './check-turns.ts'

const fields = [
  'model', 'messages', 'max_tokens', 'system', 'stream', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'tools', 'tool_choice', 'thinking',
  'output_config', 'metadata', 'service_tier', 'cache_control', 'container', 'diagnostics', 'inference_geo', 'speed'
]
const versions = ['2023-06-01', '2026-10-21']
const samplingFields = ['temperature', 'top_p', 'top_k']

/** What Anthropic would refuse about a request; null = nothing. As strict as the real one where adapters go wrong. */
export function checkRequest (body: JsonObject, headers: IncomingHttpHeaders): Refusal | null {
  const wrong = checkVersion(body, headers) ?? checkFields(body) ?? checkTools(body) ?? checkThinking(body) ?? checkTurns(body)
  return wrong === null ? null : { kind: 'refusal', error: errorAnswer({ status: 400, message: wrong }) }
}

function checkVersion (body: JsonObject, headers: IncomingHttpHeaders): string | null {
  const version = headers['anthropic-version']
  if (typeof version !== 'string') return 'anthropic-version: header is required'
  if (!versions.includes(version)) return `anthropic-version: "${version.slice(0, 40)}" is not a valid version`
  const removed = version === '2026-10-21' ? samplingFields.find(name => name in body) : undefined
  return removed === undefined ? null : `${removed}: Extra inputs are not permitted`
}

function checkFields (body: JsonObject): string | null {
  const other = Object.keys(body).find(name => !fields.includes(name))
  if (other !== undefined) return `${other}: Extra inputs are not permitted`
  if (body['max_tokens'] === undefined) return 'max_tokens: Field required'
  if (Number.isNaN(wholeNumber(body['max_tokens'], NaN, 1, 1_000_000))) return 'max_tokens: must be a whole number from 1'
  const { temperature, system } = body
  if (temperature !== undefined && !(typeof temperature === 'number' && temperature >= 0 && temperature <= 1)) return 'temperature: range: 0..1'
  if (Array.isArray(system) && (system as readonly JsonObject[]).some(block => block['type'] !== 'text' || block['text'] === '')) {
    return 'system: text content blocks must be non-empty'
  }
  return null
}

function checkTools (body: JsonObject): string | null {
  const tools = (body['tools'] ?? []) as readonly JsonObject[]
  if (!Array.isArray(tools)) return 'tools: Input should be a valid array'
  for (const [index, tool] of tools.entries()) {
    if (typeof tool['name'] !== 'string' || !/^[a-zA-Z0-9_-]{1,128}$/.test(tool['name'])) return `tools.${index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`
    if ((tool['input_schema'] as JsonObject | undefined)?.['type'] !== 'object') return `tools.${index}.custom.input_schema.type: Field required`
  }
  const choice = body['tool_choice'] as JsonObject | undefined
  if (choice === undefined) return null
  if (tools.length === 0) return 'tool_choice: may only be specified while providing tools'
  if (!['auto', 'any', 'tool', 'none'].includes(String(choice['type']))) return 'tool_choice.type: unknown'
  if (choice['type'] === 'tool' && !tools.some(tool => tool['name'] === choice['name'])) return `Tool '${String(choice['name'])}' not found in provided tools`
  return null
}

function checkThinking (body: JsonObject): string | null {
  const thinking = body['thinking'] as JsonObject | undefined
  if (thinking === undefined || thinking['type'] === 'disabled') return null
  if (thinking['type'] !== 'adaptive' && thinking['type'] !== 'enabled') return 'thinking.type: unknown'
  if (thinking['type'] === 'enabled') {
    const budget = thinking['budget_tokens'] as number
    if (!(budget >= 1024)) return 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024'
    if (budget >= (body['max_tokens'] as number)) return '`max_tokens` must be greater than `thinking.budget_tokens`'
  }
  const choice = (body['tool_choice'] as JsonObject | undefined)?.['type']
  if (choice === 'any' || choice === 'tool') return 'Thinking may not be enabled when tool_choice forces tool use.'
  if (body['temperature'] !== undefined && body['temperature'] !== 1) return '`temperature` may only be set to 1 when thinking is enabled.'
  return null
}
