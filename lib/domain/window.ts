const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** The longest a batch may wait; Temporal's own limit on an activity is set beyond it. */
export const MAX_WINDOW_SECONDS = 14 * 86_400

/** A completion window as callers write it (`90s`, `30m`, `24h`, `7d`) in seconds; null when it is not one, or is over 14 days. */
export function parseWindow (text: string): number | null {
  const match = /^([1-9]\d{0,6})([smhd])$/.exec(text)
  if (match === null) return null
  const seconds = Number(match[1]) * units[match[2]!]!
  return seconds <= MAX_WINDOW_SECONDS ? seconds : null
}
