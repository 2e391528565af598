/** Tokens of an answer or a prompt. Reasoning tokens are part of completion tokens, cached ones of prompt tokens. */
export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
}

export const charactersPerToken = 4

/** Tokens that OpenAI adds around each chat message. */
const tokensPerMessage = 3

/** Flat price of an image or file part, in tokens. */
const tokensPerMedium = 85

/** The simulator's tokenizer: four characters (UTF-16 units) are a token. */
export function countTokens (text: string): number {
  return Math.ceil(text.length / charactersPerToken)
}

/** Prompt tokens of chat messages or of Responses input items, whose content is a string or a list of parts. */
export function countMessageTokens (messages: readonly unknown[]): number {
  let tokens = 0
  for (const message of messages) {
    tokens += tokensPerMessage + countContentTokens((message as { content?: unknown } | null)?.content)
  }
  return tokens
}

function countContentTokens (content: unknown): number {
  if (typeof content === 'string') return countTokens(content)
  if (!Array.isArray(content)) return 0
  let tokens = 0
  for (const part of content as readonly ({ text?: unknown } | null)[]) {
    tokens += typeof part?.text === 'string' ? countTokens(part.text) : tokensPerMedium
  }
  return tokens
}
