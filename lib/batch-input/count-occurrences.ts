import type { Occurrences } from '../contracts/batch-input.ts'

export const maxValues = 1_000
export const maxLines = 10

/** Counts the rows that carry each value of a field and keeps the first few lines. `add` answers false once there are too many values. */
export function createOccurrenceCounter (): { add: (value: string, line: number) => boolean, finish: () => Occurrences } {
  const found = new Map<string, { count: number, lines: number[] }>()
  return {
    add: (value, line) => {
      const entry = found.get(value)
      if (entry !== undefined) {
        entry.count++
        if (entry.lines.length < maxLines) entry.lines.push(line)
        return true
      }
      if (found.size === maxValues) return false
      found.set(value, { count: 1, lines: [line] })
      return true
    },
    // fromEntries defines properties, so a value named __proto__ is one like any other
    finish: () => Object.fromEntries(found)
  }
}
