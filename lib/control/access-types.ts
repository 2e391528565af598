/** Who may use the models, as the configuration file has it. Ids are the file's own. */
export interface AccessFile {
  readonly organizations: ReadonlyArray<{ readonly id: string, readonly name: string }>
  readonly projects: ReadonlyArray<{ readonly id: string, readonly organization: string, readonly name: string }>
  readonly keys: readonly KeyEntry[]
  readonly limits: readonly LimitEntry[]
  readonly budgets: readonly BudgetEntry[]
  readonly presets: ReadonlyArray<{ readonly project: string, readonly name: string, readonly parameters: Readonly<Record<string, unknown>> }>
}

export interface KeyEntry {
  readonly id: string
  readonly project: string
  readonly name: string
  /** From the environment: never logged, never shown. */
  readonly text: string
  readonly scopes: readonly string[]
  readonly models: readonly string[] | null
  readonly allowedIps: readonly string[] | null
  readonly cacheTtlSeconds: number | null
}

export interface LimitEntry {
  readonly line: number
  readonly kind: 'organization' | 'project' | 'key' | 'model'
  readonly subject: string
  /** Of a model; null = over all organizations. */
  readonly organization: string | null
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly concurrency: number | null
}

export interface BudgetEntry {
  readonly kind: 'organization' | 'project' | 'key'
  readonly subject: string
  readonly period: string
  /** pico-USD */
  readonly amount: bigint
  readonly hard: boolean
  readonly thresholds: readonly number[]
}
