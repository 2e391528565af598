import { cpus, type } from 'node:os'
import { basename, relative } from 'node:path'

/** One line of the table. `budget` = the most (or, with `atLeast`, the least) that `sira` may be; absent = for information. */
export interface Line {
  readonly measure: string
  /** What `sira` is to be seen beside. */
  readonly baseline: string
  readonly sira: string
  readonly budget?: { readonly limit: number, readonly value: number, readonly atLeast?: boolean }
}

/** The command, the machine in general terms, and a Markdown table. */
export function formatReport (lines: readonly Line[]): string {
  const script = relative(process.cwd(), process.argv[1] ?? '')
  const command = ['npx tsx', script.startsWith('..') ? basename(script) : script, ...process.argv.slice(2)].join(' ')
  return [
    `\`${command}\` on ${cpus().length} cores, ${type()}, Node ${process.versions.node}`,
    '',
    '| measure | baseline | Sira | budget | |',
    '|---|---|---|---|---|',
    ...lines.map(line => `| ${[line.measure, line.baseline, line.sira, ...verdict(line.budget)].join(' | ')} |`)
  ].join('\n')
}

function verdict (budget: Line['budget']): [string, string] {
  if (budget === undefined) return ['', '']
  const { limit, value, atLeast = false } = budget
  return [`${atLeast ? '≥' : '≤'} ${limit.toLocaleString('en')}`, (atLeast ? value >= limit : value <= limit) ? 'met' : 'missed']
}

/** The value that `share` (0 to 1) of the values are not above: nearest rank, no interpolation. */
export function percentile (values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('Nothing was measured')
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

export function median (values: readonly number[]): number {
  if (values.length === 0) throw new Error('Nothing was measured')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
}

export function whole (value: number): string { return Math.round(value).toLocaleString('en') }
