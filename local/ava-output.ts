import { stripVTControlCharacters } from 'node:util'

export interface AvaCounts { readonly passed: number, readonly failed: number }

/** What counts as a failure in ava's closing summary, besides failed tests. */
const failureLines = [
  /^(\d+) tests? failed$/, /^(\d+) hooks? failed$/, /^(\d+) unhandled rejections?$/,
  /^(\d+) uncaught exceptions?$/, /^(\d+) tests? remained pending after a timeout$/
]

/**
 * Counts from the output of ava's own reporter, line by line. (Its TAP reporter ends with a TypeError at the first
 * timeout.) A bad exit code without a counted failure, such as a file that exits early, is one failure.
 */
export function countAvaResults (lines: readonly string[], exitCode: number | null): AvaCounts {
  let passed = 0
  let failed = 0
  for (const line of lines) {
    const text = stripVTControlCharacters(line)
    if (/^ {2}✔ /.test(text)) passed += 1
    for (const pattern of failureLines) failed += Number(pattern.exec(text.trim())?.[1] ?? 0)
  }
  return { passed, failed: exitCode === 0 ? failed : Math.max(failed, 1) }
}
