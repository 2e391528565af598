/** ms that a Retry-After header asks to wait, by seconds or by date; below 0 when the date is past. null = missing or malformed. `now` is the wall clock in ms. */
export function parseRetryAfter (text: string | null, now: number): number | null {
  const seconds = decimal(text)
  return seconds === null ? untilDate(text, now) : seconds * 1000
}

/** A number without sign or exponent; null for any other text. */
export function decimal (text: string | null): number | null {
  return text !== null && /^\s*\d{1,15}(\.\d{1,15})?\s*$/.test(text) ? Number(text) : null
}

function untilDate (text: string | null, now: number): number | null {
  // Date.parse takes far more than HTTP dates ("-5" is a year), so what begins with a weekday only
  const time = text !== null && /^\s*[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(time) ? null : time - now
}
