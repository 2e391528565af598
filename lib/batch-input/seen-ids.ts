import { createHash } from 'node:crypto'

/** A digest in base64 is 44 characters long, so it cannot be taken for an id that is kept as it is. */
const longestKept = 40

/**
 * The custom_ids of a file with the line of their first use. Exact up to 40 characters, by SHA-256 beyond, so that one id
 * costs at most about 150 bytes: 7 MB for 50,000 rows, 150 MB for a million.
 */
export function createSeenIds (): { firstLine: (customId: string, line: number) => number | null } {
  const seen = new Map<string, number>()
  return {
    /** Line of the first use, or null if this is it. */
    firstLine: (customId, line) => {
      const key = customId.length <= longestKept ? customId : createHash('sha256').update(customId).digest('base64')
      const first = seen.get(key)
      if (first !== undefined) return first
      seen.set(key, line)
      return null
    }
  }
}
