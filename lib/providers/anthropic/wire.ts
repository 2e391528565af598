/**
 * Anthropic's Messages API, as far as it is read or written here. Source: resources/messages/messages.d.ts of
 * @anthropic-ai/sdk 1.12.0. Fields that a server may leave out or send as null are marked so: answers are untrusted.
 */
export interface CacheMark { readonly cache_control?: unknown }

export interface TextBlock extends CacheMark { readonly type: 'text', readonly text: string }

export type MediaSource =
  | { readonly type: 'base64', readonly media_type: string, readonly data: string }
  | { readonly type: 'url', readonly url: string }
  | { readonly type: 'text', readonly media_type: 'text/plain', readonly data: string }

export interface ImageBlock extends CacheMark { readonly type: 'image', readonly source: MediaSource }
export interface DocumentBlock extends CacheMark { readonly type: 'document', readonly source: MediaSource, readonly title?: string }
export interface ToolUseBlock extends CacheMark { readonly type: 'tool_use', readonly id: string, readonly name: string, readonly input: Readonly<Record<string, unknown>> }
export interface ToolResultBlock extends CacheMark { readonly type: 'tool_result', readonly tool_use_id: string, readonly content?: readonly MediaBlock[] }
export interface ThinkingText { readonly type: 'thinking', readonly thinking: string, readonly signature: string }
export interface RedactedThinking { readonly type: 'redacted_thinking', readonly data: string }

/** What a user may say and a tool may answer. */
export type MediaBlock = TextBlock | ImageBlock | DocumentBlock
export type RequestBlock = MediaBlock | ToolUseBlock | ToolResultBlock | ThinkingText | RedactedThinking

export interface Turn { readonly role: 'user' | 'assistant', readonly content: readonly RequestBlock[] }

export interface MessagesTool extends CacheMark {
  readonly name: string
  readonly description?: string
  readonly input_schema: Readonly<Record<string, unknown>>
  readonly strict?: true
}

export type MessagesToolChoice =
  | { readonly type: 'auto' | 'any', readonly disable_parallel_tool_use?: true }
  | { readonly type: 'tool', readonly name: string, readonly disable_parallel_tool_use?: true }
  | { readonly type: 'none' }

export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max'

export type Thinking =
  | { readonly type: 'enabled', readonly budget_tokens: number }
  | { readonly type: 'adaptive', readonly display: 'summarized' }
  | { readonly type: 'disabled' }

export interface MessagesRequest {
  readonly model: string
  readonly max_tokens: number
  readonly messages: readonly Turn[]
  readonly system?: readonly TextBlock[]
  readonly stream?: boolean
  readonly temperature?: number
  readonly top_p?: number
  readonly top_k?: number
  readonly stop_sequences?: readonly string[]
  readonly tools?: readonly MessagesTool[]
  readonly tool_choice?: MessagesToolChoice
  readonly thinking?: Thinking
  readonly output_config?: { readonly effort?: Effort, readonly format?: { readonly type: 'json_schema', readonly schema: Readonly<Record<string, unknown>> } }
  readonly metadata?: { readonly user_id: string }
  readonly service_tier?: 'auto' | 'standard_only'
  readonly cache_control?: unknown
}

/** A block of an answer; which fields are there depends on the type, and types come that are not known here. */
export interface AnswerBlock {
  readonly type?: string
  readonly text?: string
  readonly thinking?: string
  readonly signature?: string
  readonly data?: string
  readonly id?: string
  readonly name?: string
  readonly input?: unknown
}

export interface Message {
  readonly id?: string
  readonly model?: string
  readonly content?: readonly AnswerBlock[] | null
  readonly stop_reason?: string | null
  readonly stop_details?: { readonly explanation?: string | null } | null
  readonly usage?: MessageUsage | null
}

export interface MessageUsage {
  readonly input_tokens?: number | null
  readonly cache_creation_input_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly cache_creation?: { readonly ephemeral_5m_input_tokens?: number | null, readonly ephemeral_1h_input_tokens?: number | null } | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: { readonly thinking_tokens?: number | null } | null
  readonly service_tier?: string | null
}

/** An event of a stream; which fields are there depends on the type. */
export interface MessageEvent {
  readonly type?: string
  readonly index?: number
  readonly message?: Message | null
  readonly content_block?: AnswerBlock | null
  readonly delta?: {
    readonly type?: string
    readonly text?: string
    readonly partial_json?: string
    readonly thinking?: string
    readonly signature?: string
    readonly stop_reason?: string | null
    readonly stop_details?: { readonly explanation?: string | null } | null
  } | null
  readonly usage?: MessageUsage | null
}
