import type { ProgressMessage } from '../../lib/contracts/jobs.ts'

type Shown = Pick<ProgressMessage, 'state' | 'counts' | 'rate' | 'eta_s' | 'tokens' | 'cost'>

/** One line about a job; `width` is that of the bar, 0 = none. */
export function progressLine (progress: Shown, width: number): string {
  const { total, succeeded, failed } = progress.counts
  const done = succeeded + failed
  const share = total === null || total === 0 ? 0 : done / total
  const filled = Math.floor(share * width)
  return [
    width > 0 ? '█'.repeat(filled) + '░'.repeat(width - filled) : '',
    progress.state,
    `${group(done)}/${total === null ? '?' : group(total)} rows${failed > 0 ? ` (${group(failed)} failed)` : ''}`,
    `${group(Math.round(progress.rate))} rows/s`,
    progress.eta_s === null ? 'ETA –' : `ETA ${progress.eta_s} s`,
    `${group(progress.tokens.input + progress.tokens.output)} tokens`,
    `$${shortUsd(progress.cost)}`
  ].filter(part => part !== '').join('  ')
}

/** Thousands in groups of three. */
export function group (value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** At most four decimal places of a decimal string, cut off rather than rounded: never more than was spent. */
export function shortUsd (cost: string): string {
  const [whole = '0', fraction = ''] = cost.split('.')
  return `${whole}.${fraction.slice(0, 4).padEnd(2, '0')}`
}
