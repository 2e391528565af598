export const responseEnds = ['completed', 'failed', 'incomplete', 'cancelled'] as const
export type ResponseEnd = typeof responseEnds[number]

type Fields = Readonly<Record<string, unknown>>

/**
 * What the event of a background response's end tells of its object: usage and codes, never what was said. The object may come
 * from a provider, so only numbers that are counts and words that look like codes are taken: Postgres refuses some texts,
 * and a response must end whatever its provider sent.
 */
export function responseEventData (status: ResponseEnd, response: Fields): Fields {
  const usage = fieldsOf(response.usage)
  const counts = Object.entries({
    input_tokens: usage.input_tokens,
    cached_input_tokens: fieldsOf(usage.input_tokens_details).cached_tokens,
    output_tokens: usage.output_tokens,
    reasoning_tokens: fieldsOf(usage.output_tokens_details).reasoning_tokens,
    total_tokens: usage.total_tokens
  }).filter(([, value]) => Number.isSafeInteger(value) && (value as number) >= 0)
  const code = wordOf(fieldsOf(response.error).code)
  const reason = wordOf(fieldsOf(response.incomplete_details).reason)
  return {
    status,
    ...counts.length > 0 ? { usage: Object.fromEntries(counts) } : {},
    ...code === null ? {} : { error: { code } },
    ...reason === null ? {} : { incomplete_reason: reason }
  }
}

function fieldsOf (value: unknown): Fields {
  return typeof value === 'object' && value !== null ? value as Fields : {}
}

function wordOf (value: unknown): string | null {
  return typeof value === 'string' && /^[\w.-]{1,100}$/.test(value) ? value : null
}
