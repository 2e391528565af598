/** What is left of a limit, as this process knows it. */
export interface LimitStanding { readonly limit: number, readonly remaining: number }

/**
 * The standing of the tightest limits as headers, in OpenAI's names and in those of the IETF draft (draft-ietf-httpapi-ratelimit-headers).
 * `reset` is in seconds, when a new minute begins.
 */
export function limitHeaders (requests: LimitStanding | null, tokens: LimitStanding | null, reset: number): Record<string, string> {
  const headers: Record<string, string> = {}
  const policies: string[] = []
  const standings: string[] = []
  for (const [unit, standing] of [['requests', requests], ['tokens', tokens]] as const) {
    if (standing === null) continue
    headers[`x-ratelimit-limit-${unit}`] = String(standing.limit)
    headers[`x-ratelimit-remaining-${unit}`] = String(standing.remaining)
    headers[`x-ratelimit-reset-${unit}`] = reset < 60 ? `${reset}s` : `${Math.floor(reset / 60)}m${reset % 60}s`
    policies.push(`"${unit}";q=${standing.limit};w=60`)
    standings.push(`"${unit}";r=${standing.remaining};t=${reset}`)
  }
  if (policies.length > 0) {
    headers['ratelimit-policy'] = policies.join(', ')
    headers.ratelimit = standings.join(', ')
  }
  return headers
}
