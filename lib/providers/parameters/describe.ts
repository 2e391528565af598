import type { VendorKind } from '../vendors.ts'
import { openaiRanges, parameterNames } from './rule.ts'
import type { ParameterName, Support } from './rule.ts'
import { ruleOf } from './rule-table.ts'

/** How a deployment takes a parameter, as `GET /api/v1/parameters` tells it. */
export interface ParameterDescription {
  readonly parameter: ParameterName
  readonly support: Support
  /** The provider's name for it, where another. */
  readonly renamed_to: string | null
  /** What may be sent to Sira, and what becomes of values that the provider does not reach. */
  readonly range: { readonly min: number, readonly max: number, readonly outside: 'refused' | 'clamped' | 'unsupported', readonly provider_min: number, readonly provider_max: number } | null
  readonly max_items: number | null
  readonly values: readonly string[] | null
  readonly note: string | null
}

/** Every parameter of chat completions, for a model of a provider of this kind. */
export function describeParameters (kind: VendorKind, upstream: string): ParameterDescription[] {
  return parameterNames.map(name => {
    const { support, as, clamp, limit, most, values, note } = ruleOf(kind, upstream, name)
    const own = openaiRanges[name]
    const reached = clamp ?? limit ?? own
    const takes = support !== 'unsupported' && support !== 'ignored'
    return {
      parameter: name,
      support,
      renamed_to: as ?? null,
      range: own === undefined || reached === undefined || !takes
        ? null
        : { min: own[0], max: own[1], outside: clamp ? 'clamped' : limit ? 'unsupported' : 'refused', provider_min: reached[0], provider_max: reached[1] },
      max_items: most ?? (name === 'stop' && takes && (kind === 'openai' || kind === 'azure') ? 4 : null),
      values: values ?? null,
      note: note ?? null
    }
  })
}
