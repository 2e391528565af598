/**
 * Gemini's generateContent, as far as the adapter writes or reads it. What it writes is exact; what it reads is untrusted and
 * checked where it is read. Source: the types of @google/genai 2.32.0 (Content, Part, GenerateContentResponse).
 */
export interface Content {
  readonly role: 'user' | 'model'
  readonly parts: readonly Part[]
}

export interface Part {
  readonly text?: string
  /** The text is the model's thinking. */
  readonly thought?: boolean
  /** Base64; has to come back on the very part it came with. */
  readonly thoughtSignature?: string
  readonly inlineData?: InlineData
  readonly fileData?: FileData
  readonly functionCall?: FunctionCall
  readonly functionResponse?: FunctionResponse
}

export interface InlineData {
  readonly mimeType: string
  readonly data: string
}

export interface FileData {
  readonly fileUri: string
  readonly mimeType?: string
}

export interface FunctionCall {
  readonly id?: string
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
}

export interface FunctionResponse {
  readonly id?: string
  readonly name: string
  readonly response: Readonly<Record<string, unknown>>
  readonly parts?: ReadonlyArray<{ readonly inlineData: InlineData } | { readonly fileData: FileData }>
}

export interface FunctionDeclaration {
  readonly name: string
  readonly description?: string
  /** JSON Schema. Its older sister `parameters` takes a dialect of OpenAPI and refuses every keyword it does not know. */
  readonly parametersJsonSchema?: unknown
}

export interface GenerateContentRequest {
  readonly systemInstruction?: { readonly parts: readonly Part[] }
  readonly contents: readonly Content[]
  readonly tools?: ReadonlyArray<{ readonly functionDeclarations: readonly FunctionDeclaration[] }>
  readonly toolConfig?: { readonly functionCallingConfig: { readonly mode: 'AUTO' | 'ANY' | 'NONE', readonly allowedFunctionNames?: readonly string[] } }
  readonly generationConfig?: GenerationConfig
  readonly serviceTier?: 'flex' | 'priority'
}

export interface GenerationConfig {
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly candidateCount?: number
  readonly maxOutputTokens?: number
  readonly stopSequences?: readonly string[]
  readonly seed?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  readonly responseLogprobs?: boolean
  readonly logprobs?: number
  readonly responseMimeType?: string
  readonly responseJsonSchema?: unknown
  readonly thinkingConfig?: ThinkingConfig
}

export interface ThinkingConfig {
  readonly includeThoughts?: boolean
  /** Tokens; 0 = none. Gemini 2.5; not together with thinkingLevel. */
  readonly thinkingBudget?: number
  /** From Gemini 3 on. */
  readonly thinkingLevel?: ThinkingLevel
}

export type ThinkingLevel = 'MINIMAL' | 'LOW' | 'MEDIUM' | 'HIGH'

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A list's objects; [] for what is no list. */
export function objectsOf (value: unknown): ReadonlyArray<Record<string, unknown>> {
  return Array.isArray(value) ? value.filter(isObject) : []
}
