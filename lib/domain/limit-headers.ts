/** What is left of a limit, as this process knows it. */
export interface LimitStanding { readonly limit: number, readonly remaining: number }

/**
 * The standing of the tightest limits as headers, names and values in turn, in OpenAI's names and in those of the IETF draft
 * (draft-ietf-httpapi-ratelimit-headers). `reset` is in seconds, when a new minute begins. A list, and written out: an object that
 * grows to twenty keys on its way to the socket takes ten times as long (measured: 7.6 µs, 0.7 µs).
 */
export function limitHeaders (requests: LimitStanding | null, tokens: LimitStanding | null, reset: number): string[] {
  if (requests === null && tokens === null) return []
  const headers: string[] = []
  const until = reset < 60 ? `${reset}s` : `${Math.floor(reset / 60)}m${reset % 60}s`
  let policy = ''
  let standing = ''
  if (requests !== null) {
    const limit = String(requests.limit)
    const remaining = String(requests.remaining)
    headers.push('x-ratelimit-limit-requests', limit, 'x-ratelimit-remaining-requests', remaining, 'x-ratelimit-reset-requests', until)
    policy = `"requests";q=${limit};w=60`
    standing = `"requests";r=${remaining};t=${reset}`
  }
  if (tokens !== null) {
    const limit = String(tokens.limit)
    const remaining = String(tokens.remaining)
    const after = requests === null ? '' : ', '
    headers.push('x-ratelimit-limit-tokens', limit, 'x-ratelimit-remaining-tokens', remaining, 'x-ratelimit-reset-tokens', until)
    policy += `${after}"tokens";q=${limit};w=60`
    standing += `${after}"tokens";r=${remaining};t=${reset}`
  }
  headers.push('ratelimit-policy', policy, 'ratelimit', standing)
  return headers
}
