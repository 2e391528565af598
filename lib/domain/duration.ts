const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A duration as operators write it (`0s`, `250ms`, `5m`, `10h`, `5d`) in ms; null when it is not one, or is over 30 days. */
export function parseDuration (text: string): number | null {
  const match = /^(\d{1,9})(ms|[smhd])$/.exec(text.trim())
  if (match === null) return null
  const duration = Number(match[1]) * units[match[2]!]!
  return duration <= 30 * units.d! ? duration : null
}
