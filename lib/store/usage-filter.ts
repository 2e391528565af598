/** Whose usage, and which part of it. Several values of one field: any of them. The organization always bounds a query. */
export interface UsageFilter {
  readonly organizationId: string
  /** Inclusive. */
  readonly from: Date
  /** Exclusive. */
  readonly to: Date
  readonly project?: readonly string[] | undefined
  readonly key?: readonly string[] | undefined
  readonly model?: readonly string[] | undefined
  readonly provider?: readonly string[] | undefined
  readonly endUser?: readonly string[] | undefined
  readonly endpoint?: readonly string[] | undefined
  readonly status?: readonly number[] | undefined
  readonly batch?: boolean | undefined
}

const fields = {
  project: 'project_id', key: 'key_id', model: 'model', provider: 'provider', endUser: 'end_user', endpoint: 'endpoint', status: 'status'
} as const

/** The conditions on view all_usage and their parameters, from $1 on. */
export function usageConditions (filter: UsageFilter): { where: string, values: unknown[] } {
  const values: unknown[] = [filter.organizationId, filter.from, filter.to]
  const conditions = ['organization_id = $1', 'created_at >= $2', 'created_at < $3']
  for (const [field, column] of Object.entries(fields) as Array<[keyof typeof fields, string]>) {
    const wanted = filter[field]
    if (wanted === undefined) continue
    values.push(wanted)
    conditions.push(`${column} = ANY($${values.length})`)
  }
  if (filter.batch !== undefined) {
    values.push(filter.batch)
    conditions.push(`batch = $${values.length}`)
  }
  return { where: conditions.join(' AND '), values }
}
