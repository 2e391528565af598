/**
 * One line of CSV (RFC 4180). Text that a spreadsheet would take for a formula gets an apostrophe before it: labels come
 * from callers, and whoever opens the file is someone else.
 */
export function csvLine (fields: ReadonlyArray<string | number | null>): string {
  return fields.map(csvField).join(',') + '\r\n'
}

function csvField (value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const safe = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
