/**
 * OpenAI's chat completions, the shape that all adapters and dialects meet in. Only what they read is named; unknown fields
 * pass through. Source: openai/openai-openapi (CreateChatCompletionRequest, …Response, …StreamResponse).
 */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly stream?: boolean | null
  readonly stream_options?: { readonly include_usage?: boolean, readonly [field: string]: unknown } | null
  readonly max_completion_tokens?: number | null
  readonly max_tokens?: number | null
  readonly temperature?: number | null
  readonly top_p?: number | null
  /** Not OpenAI's. Tokens to choose among; 0 and -1 = all. */
  readonly top_k?: number | null
  readonly n?: number | null
  readonly stop?: string | readonly string[] | null
  readonly seed?: number | null
  readonly presence_penalty?: number | null
  readonly frequency_penalty?: number | null
  readonly logprobs?: boolean | null
  readonly top_logprobs?: number | null
  readonly logit_bias?: Readonly<Record<string, number>> | null
  readonly tools?: readonly ChatTool[] | null
  readonly tool_choice?: ToolChoice | null
  readonly parallel_tool_calls?: boolean | null
  readonly response_format?: ResponseFormat | null
  readonly reasoning_effort?: string | null
  readonly service_tier?: string | null
  readonly user?: string | null
  readonly safety_identifier?: string | null
  readonly metadata?: Readonly<Record<string, string>> | null
  readonly [field: string]: unknown
}

export interface ChatTool {
  readonly type: 'function'
  readonly function: { readonly name: string, readonly description?: string, readonly parameters?: Readonly<Record<string, unknown>>, readonly strict?: boolean | null }
}

export type ToolChoice = 'none' | 'auto' | 'required' | { readonly type: 'function', readonly function: { readonly name: string } }

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | { readonly type: 'json_schema', readonly json_schema: { readonly name: string, readonly description?: string, readonly schema?: Readonly<Record<string, unknown>>, readonly strict?: boolean | null } }

export type ContentPart =
  | { readonly type: 'text', readonly text: string, readonly [field: string]: unknown }
  | { readonly type: 'image_url', readonly image_url: { readonly url: string, readonly detail?: string }, readonly [field: string]: unknown }
  | { readonly type: 'input_audio', readonly input_audio: { readonly data: string, readonly format: string } }
  | { readonly type: 'file', readonly file: { readonly file_data?: string, readonly file_id?: string, readonly filename?: string } }
  | { readonly type: 'refusal', readonly refusal: string }

export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool' | 'function'
  readonly content?: string | readonly ContentPart[] | null
  readonly name?: string
  readonly refusal?: string | null
  readonly tool_calls?: readonly ToolCall[] | null
  readonly tool_call_id?: string
  /** Thinking of the assistant as text; an extension that DeepSeek, vLLM and others share. */
  readonly reasoning_content?: string | null
  /** Anthropic's thinking blocks with their signatures, to be sent back as they came (LiteLLM's name for them). */
  readonly thinking_blocks?: readonly ThinkingBlock[] | null
  readonly [field: string]: unknown
}

export type ThinkingBlock =
  | { readonly type: 'thinking', readonly thinking: string, readonly signature?: string }
  | { readonly type: 'redacted_thinking', readonly data: string }

export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string, readonly arguments: string }
  /** Gemini's thought signature travels in `google.thought_signature`, the field of Google's own compatibility layer. */
  readonly extra_content?: { readonly google?: { readonly thought_signature?: string } }
}

/** A closed list: what a provider says beyond it is mapped to one of these. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call'

export interface ChatUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number, readonly cache_write_tokens?: number, readonly audio_tokens?: number }
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number, readonly audio_tokens?: number }
}

export interface ChatCompletion {
  readonly id: string
  readonly object: 'chat.completion'
  /** Unix seconds. */
  readonly created: number
  readonly model: string
  readonly choices: ReadonlyArray<{
    readonly index: number
    readonly message: { readonly role: 'assistant', readonly content: string | null, readonly refusal: string | null, readonly tool_calls?: readonly ToolCall[], readonly reasoning_content?: string, readonly reasoning?: string | null, readonly thinking_blocks?: readonly ThinkingBlock[] }
    readonly finish_reason: FinishReason
    /** The provider's own word, where its list is longer than OpenAI's. */
    readonly native_finish_reason?: string
    readonly logprobs: unknown
  }>
  readonly usage?: ChatUsage
  readonly [field: string]: unknown
}

export interface ChatChunk {
  readonly id: string
  readonly object: 'chat.completion.chunk'
  readonly created: number
  readonly model: string
  readonly choices: ReadonlyArray<{
    readonly index: number
    readonly delta: {
      readonly role?: 'assistant'
      readonly content?: string | null
      readonly refusal?: string | null
      readonly reasoning_content?: string
      /** Another name for it (OpenRouter, Groq, vLLM); see `thoughtOf`. */
      readonly reasoning?: string | null
      readonly thinking_blocks?: readonly ThinkingBlock[]
      readonly tool_calls?: ReadonlyArray<{ readonly index: number, readonly id?: string, readonly type?: 'function', readonly function?: { readonly name?: string, readonly arguments?: string }, readonly extra_content?: ToolCall['extra_content'] }>
    }
    readonly finish_reason: FinishReason | null
    readonly native_finish_reason?: string
    readonly logprobs?: unknown
  }>
  readonly usage?: ChatUsage | null
}

type Choice = ChatChunk['choices'][number]

/**
 * A chunk as compatible servers send it: Azure's asynchronous content filter tells its verdicts in chunks without a delta, and there are
 * chunks without choices. Adapters that translate write whole ones.
 */
export type ReceivedChunk = Omit<ChatChunk, 'id' | 'choices'> & { readonly id?: string, readonly choices?: ReadonlyArray<Omit<Choice, 'delta'> & { readonly delta?: Choice['delta'] | null }> }
