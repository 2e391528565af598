import type { JsonObject } from '../answers/answer.ts'
import { checkTools } from './check-schema.ts'
import { isSignature } from './signature.ts'

export interface SentPart {
  readonly text?: unknown
  readonly thought?: unknown
  readonly thoughtSignature?: unknown
  readonly inlineData?: { readonly data?: unknown }
  readonly functionCall?: { readonly id?: unknown, readonly name?: unknown, readonly args?: unknown }
  readonly functionResponse?: { readonly id?: unknown, readonly name?: unknown, readonly response?: unknown }
}

export interface SentContent {
  readonly role?: unknown
  readonly parts?: readonly SentPart[]
}

const fields = ['contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig', 'safetySettings', 'serviceTier', 'cachedContent']
const configFields = [
  'temperature', 'topP', 'topK', 'candidateCount', 'maxOutputTokens', 'stopSequences', 'seed', 'presencePenalty', 'frequencyPenalty', 'responseLogprobs',
  'logprobs', 'responseMimeType', 'responseSchema', 'responseJsonSchema', 'responseModalities', 'thinkingConfig'
]

/** What is wrong with a generateContent request, in the real one's words; null = nothing. */
export function checkRequest (body: JsonObject): string | null {
  const config = (body['generationConfig'] ?? {}) as JsonObject
  return unknownField(body, fields, 'request') ?? unknownField(config, configFields, 'generation_config') ??
    checkThinking(config['thinkingConfig'] as JsonObject | undefined) ?? checkTools(body) ?? checkContents(body['contents'])
}

function unknownField (given: JsonObject, known: readonly string[], where: string): string | null {
  const unknown = Object.keys(given).find(name => !known.includes(name))
  return unknown === undefined ? null : `Invalid JSON payload received. Unknown name "${unknown}" at '${where}': Cannot find field.`
}

function checkThinking (config: JsonObject | undefined): string | null {
  return config !== undefined && config['thinkingBudget'] !== undefined && config['thinkingLevel'] !== undefined
    ? 'You can only set only one of thinking budget and thinking level.'
    : null
}

function checkContents (contents: unknown): string | null {
  if (!Array.isArray(contents) || contents.length === 0) return 'GenerateContentRequest.contents: contents is not specified'
  let calls = 0
  for (const [index, { role, parts }] of (contents as readonly SentContent[]).entries()) {
    if (role !== 'user' && role !== 'model') return 'Please use a valid role: user, model.'
    if (!Array.isArray(parts) || parts.length === 0) return `GenerateContentRequest.contents[${index}].parts: contents.parts must not be empty.`
    const wrong = checkParts(parts as readonly SentPart[], calls, index)
    if (wrong !== null) return wrong
    calls = parts.filter(part => (part as SentPart).functionCall !== undefined).length
  }
  return null
}

function checkParts (parts: readonly SentPart[], calls: number, index: number): string | null {
  const responses = parts.filter(part => part.functionResponse !== undefined)
  if (responses.length !== calls && (calls > 0 || responses.length > 0)) {
    return 'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.'
  }
  for (const { functionResponse } of responses) {
    if (typeof functionResponse!.name !== 'string') return `GenerateContentRequest.contents[${index}].parts.function_response.name: Name cannot be empty.`
    if (!isObject(functionResponse!.response)) return `Invalid value at 'contents[${index}].parts.function_response.response' (type.googleapis.com/google.protobuf.Struct)`
  }
  // of calls made at once only the first is signed
  const first = parts.find(part => part.functionCall !== undefined)
  if (first === undefined) return null
  const { name, args } = first.functionCall!
  if (first.thoughtSignature === undefined) {
    return `Function call is missing a thought_signature in functionCall parts. Additional data, function call \`${String(name)}\`, position ${index + 1}.`
  }
  return isSignature(first.thoughtSignature, name, args) ? null : 'Corrupted thought signature.'
}

function isObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
