/**
 * What a key may do. A key without scopes may do all of `ordinaryScopes`. `admin` is the whole installation (organizations,
 * providers, models) and implies every other; `organization` administers its own organization: projects, keys, and their limits and budgets.
 */
export const ordinaryScopes = ['inference', 'batch', 'files', 'usage', 'webhooks'] as const
export const scopes = ['admin', 'organization', ...ordinaryScopes] as const
export type Scope = typeof scopes[number]

export function hasScope (held: readonly string[], wanted: Scope): boolean {
  if (held.length === 0) return (ordinaryScopes as readonly string[]).includes(wanted)
  return held.includes(wanted) || held.includes('admin') || (held.includes('organization') && wanted !== 'admin')
}

/** Entries of an allow-list are model names; one that ends in `*` stands for all that begin so. None = every model. */
export function mayUseModel (allowed: readonly string[] | null | undefined, model: string): boolean {
  return allowed == null || allowed.some(entry => entry.endsWith('*') ? model.startsWith(entry.slice(0, -1)) : entry === model)
}
