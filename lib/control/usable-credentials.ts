import type { CredentialRow } from '../store/control.ts'

/**
 * Which of one provider's credentials may be used now, oldest first. An expired one is gone; one that is to be retired stays
 * as long as there is none beside it that is not: a rotation never leaves a provider without a key.
 */
export function usableCredentials<Row extends Pick<CredentialRow, 'expiresIn' | 'retiresIn'>> (rows: readonly Row[]): readonly Row[] {
  const alive = rows.filter(row => row.expiresIn === null || row.expiresIn > 0)
  const lasting = alive.filter(row => row.retiresIn === null || row.retiresIn > 0)
  return lasting.length > 0 ? lasting : alive.slice(-1)
}

/** ms until the answer of usableCredentials may change by itself; Infinity = never. */
export function nextChange (rows: ReadonlyArray<Pick<CredentialRow, 'expiresIn' | 'retiresIn'>>): number {
  const moments = rows.flatMap(row => [row.expiresIn, row.retiresIn]).filter(moment => moment !== null && moment > 0) as number[]
  return Math.min(Infinity, ...moments)
}
