/** One text, or one list of token numbers. */
export type Input = string | readonly number[]

/** The four shapes of `prompt` and of embeddings' `input`: text, texts, tokens, lists of tokens. null = none of them, or empty. */
export function readInputs (value: unknown): Input[] | null {
  if (typeof value === 'string') return value === '' ? null : [value]
  if (!Array.isArray(value) || value.length === 0) return null
  if (isTokens(value)) return [value]
  return (value as unknown[]).every(entry => (typeof entry === 'string' && entry !== '') || isTokens(entry)) ? value as Input[] : null
}

function isTokens (value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every(entry => Number.isInteger(entry) && (entry as number) >= 0)
}
