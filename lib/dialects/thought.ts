interface Thinking { readonly reasoning_content?: unknown, readonly reasoning?: unknown }

/**
 * What an answer's message, or a piece of one, says of its thoughts as text; '' = nothing. Vendors share two names for it: `reasoning_content`
 * (DeepSeek, our adapters) and `reasoning` (OpenRouter, Groq, vLLM since its #27752). Where both come they say the same.
 */
export function thoughtOf ({ reasoning_content: content, reasoning }: Thinking): string {
  if (typeof content === 'string' && content !== '') return content
  return typeof reasoning === 'string' ? reasoning : ''
}
