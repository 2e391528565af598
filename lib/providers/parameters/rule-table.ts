import type { VendorKind } from '../vendors.ts'
import { supported } from './rule.ts'
import type { ParameterName, Rule, Rules } from './rule.ts'
import { upstreamRows } from './upstream-rules.ts'
import { vendorRules } from './vendor-rules.ts'

/** Upstream names come from the configuration, but a live one may change for years. */
const mostTables = 10_000
const tables = new Map<VendorKind, Map<string, ReadonlyMap<string, Rule>>>()

/** The rule of every parameter for which something has to be done on the way to this model. */
export function actingRules (kind: VendorKind, upstream: string): ReadonlyMap<string, Rule> {
  let ofKind = tables.get(kind)
  if (ofKind === undefined) tables.set(kind, ofKind = new Map())
  let table = ofKind.get(upstream)
  if (table === undefined) {
    if (ofKind.size >= mostTables) ofKind.clear()
    table = new Map(Object.entries(rulesOf(kind, upstream)).filter(([name, rule]) => isActing(name, rule)))
    ofKind.set(upstream, table)
  }
  return table
}

export function ruleOf (kind: VendorKind, upstream: string, name: ParameterName): Rule {
  return rulesOf(kind, upstream)[name] ?? supported
}

function rulesOf (kind: VendorKind, upstream: string): Rules {
  const rows = upstreamRows.filter(row => row.kinds.includes(kind) && row.pattern.test(upstream))
  return Object.assign({}, vendorRules[kind], ...rows.map(row => row.rules)) as Rules
}

function isActing (name: string, { support, clamp, limit, most, values, notWith, convert }: Rule): boolean {
  if (name === 'functions' || name === 'function_call') return support !== 'supported'
  return support === 'renamed' || support === 'ignored' || support === 'unsupported' ||
    [clamp, limit, most, values, notWith, convert].some(need => need !== undefined)
}
