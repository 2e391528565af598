import { asciiJson, refuse, wholeNumber } from '../answers/answer.ts'
import type { AnswerContext, Answerer, JsonObject } from '../answers/answer.ts'
import { draw, purposes } from '../random.ts'
import { exampleOf } from '../example.ts'
import { answerText, textPieces } from '../text.ts'
import { chooseCalls, countCallTokens } from '../tool-calls.ts'
import { countTokens } from '../tokens.ts'
import type { Usage } from '../tokens.ts'
import { checkRequest } from './check-request.ts'
import type { SentContent, SentPart } from './check-request.ts'
import { signatureOf } from './signature.ts'

/** Flat price of a picture or a sound, in tokens. */
const tokensPerMedium = 258
const mostThoughts = 200

/** POST …:generateContent and …:streamGenerateContent */
export const answerGenerateContent: Answerer = (body, context) => {
  const wrong = checkRequest(body)
  if (wrong !== null) return refuse('contents', wrong)
  const config = (body['generationConfig'] ?? {}) as JsonObject
  const count = wholeNumber(config['candidateCount'], 1, 1, 8)
  const maxTokens = wholeNumber(config['maxOutputTokens'], Infinity, 1, 1_000_000)
  if (Number.isNaN(count) || Number.isNaN(maxTokens)) return refuse('generationConfig', 'candidateCount or maxOutputTokens is out of range.')
  const prompt = promptTokens(body)
  if (context.safety === 'prompt') return blocked(context, prompt)

  const thoughts = thoughtTokens(config['thinkingConfig'] as JsonObject | undefined, context)
  const candidates = Array.from({ length: count }, (_, index) => makeCandidate(body, config, context, maxTokens, index))
  const counts = { prompt, thoughts, candidates: candidates.reduce((sum, { tokens }) => sum + tokens, 0) }
  const usage: Usage = { promptTokens: prompt, completionTokens: counts.candidates + thoughts, cachedTokens: 0, reasoningTokens: thoughts }
  if (!context.stream) {
    const answer = { candidates: candidates.map(({ parts, finishReason }, index) => ({ content: { parts, role: 'model' }, finishReason, index })), ...tail(context, counts) }
    return { kind: 'whole', usage, json: asciiJson(answer) }
  }
  return { kind: 'stream', usage, events: frames(context, candidates, counts) }
}

interface Candidate {
  readonly parts: readonly SentPart[]
  readonly finishReason: string
  readonly tokens: number
}

interface Counts {
  readonly prompt: number
  readonly thoughts: number
  readonly candidates: number
}

function makeCandidate (body: JsonObject, config: JsonObject, context: AnswerContext, maxTokens: number, index: number): Candidate {
  const thinking = (config['thinkingConfig'] as JsonObject | undefined)?.['includeThoughts'] === true
  const before: SentPart[] = thinking ? [{ text: 'Simulated thinking about it.', thought: true }] : []
  const calls = chooseCalls(toolWish(body, context))
  if (calls.length > 0) {
    const made = calls.map(({ position, name, input }) => ({ functionCall: { name, args: input }, ...(position === 0 && { thoughtSignature: signatureOf(name, input) }) }))
    return { parts: [...before, ...made], finishReason: 'STOP', tokens: countCallTokens(calls) }
  }
  const drawn = answerText(context.seed, context.digest, maxTokens, index)
  const schema = config['responseJsonSchema'] ?? config['responseSchema']
  const text = config['responseMimeType'] !== 'application/json'
    ? drawn.text
    : JSON.stringify(schema === undefined ? { simulated: true, text: drawn.text } : exampleOf(schema, drawn.text))
  const finishReason = context.safety === 'answer' ? 'SAFETY' : drawn.cut ? 'MAX_TOKENS' : 'STOP'
  return { parts: [...before, { text }], finishReason, tokens: countTokens(text) }
}

function toolWish (body: JsonObject, context: AnswerContext): Parameters<typeof chooseCalls>[0] {
  const declarations = ((body['tools'] ?? []) as readonly { functionDeclarations?: readonly JsonObject[] }[]).flatMap(tool => tool.functionDeclarations ?? [])
  const config = (body['toolConfig'] as { functionCallingConfig?: { mode?: string, allowedFunctionNames?: readonly string[] } } | undefined)?.functionCallingConfig
  const tools = declarations.map(({ name, parametersJsonSchema, parameters }) => ({ name: name as string, schema: parametersJsonSchema ?? parameters ?? { type: 'object' } }))
  return {
    tools: config?.mode === 'NONE' ? [] : tools,
    calls: context.toolCalls,
    forced: config?.mode === 'ANY' ? config.allowedFunctionNames?.[0] ?? true : false,
    oneAtATime: false,
    answered: (body['contents'] as readonly SentContent[]).at(-1)!.parts!.some(part => part.functionResponse !== undefined)
  }
}

function thoughtTokens (config: JsonObject | undefined, { seed, digest }: AnswerContext): number {
  const asked = config !== undefined && config['thinkingBudget'] !== 0 && (config['thinkingBudget'] !== undefined || config['thinkingLevel'] !== undefined)
  return asked ? 1 + Math.floor(draw(seed, digest, purposes.reasoning) * mostThoughts) : 0
}

function promptTokens (body: JsonObject): number {
  const system = (body['systemInstruction'] as SentContent | undefined)?.parts ?? []
  const parts = [...system, ...(body['contents'] as readonly SentContent[]).flatMap(content => content.parts ?? [])]
  return parts.reduce((sum, part) => {
    if (typeof part.text === 'string') return sum + countTokens(part.text)
    const said = part.functionCall ?? part.functionResponse
    return sum + (said === undefined ? tokensPerMedium : countTokens(JSON.stringify(said)))
  }, 0)
}

/** Thoughts are counted beside the candidates, and the total has both. */
function usageMetadata ({ prompt, thoughts, candidates }: Counts): JsonObject {
  return {
    promptTokenCount: prompt,
    ...(candidates > 0 && { candidatesTokenCount: candidates }),
    totalTokenCount: prompt + thoughts + candidates,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: prompt }],
    ...(thoughts > 0 && { thoughtsTokenCount: thoughts })
  }
}

function tail (context: AnswerContext, counts: Counts): JsonObject {
  return { usageMetadata: usageMetadata(counts), modelVersion: context.model.id, responseId: `sim-${context.id}` }
}

function blocked (context: AnswerContext, prompt: number): ReturnType<Answerer> {
  const answer = { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, ...tail(context, { prompt, thoughts: 0, candidates: 0 }), simulated: true }
  const usage: Usage = { promptTokens: prompt, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 }
  return context.stream ? { kind: 'stream', usage, events: [frame(answer)] } : { kind: 'whole', usage, json: asciiJson(answer) }
}

/** Frames end CRLF. A call comes whole; the finishReason comes last, in a frame without content. */
function frames (context: AnswerContext, candidates: readonly Candidate[], counts: Counts): string[] {
  const events: string[] = []
  const before = { ...counts, candidates: 0 }
  candidates.forEach(({ parts, finishReason }, index) => {
    for (const part of parts.flatMap(inPieces)) events.push(frame({ candidates: [{ content: { parts: [part], role: 'model' }, index }], ...tail(context, before) }))
    const last = index === candidates.length - 1
    events.push(frame({ candidates: [{ finishReason, index }], ...tail(context, last ? counts : before) }))
  })
  return events
}

function inPieces (part: SentPart): SentPart[] {
  return typeof part.text === 'string' ? textPieces(part.text).map(text => ({ ...part, text })) : [part]
}

function frame (payload: JsonObject): string {
  return `data: ${asciiJson(payload)}\r\n\r\n`
}
