/** Small numbers for texts that repeat, so that a log entry need not hold them. */
export interface Interner {
  idOf: (text: string) => number
  textOf: (id: number) => string
}

/** At most `limit` different texts; what comes after is told as "(other)". */
export function createInterner (limit: number): Interner {
  const texts = ['(other)']
  const ids = new Map<string, number>()
  return {
    idOf (text) {
      const known = ids.get(text)
      if (known !== undefined) return known
      if (texts.length > limit) return 0
      const id = texts.push(text) - 1
      ids.set(text, id)
      return id
    },
    textOf: id => texts[id]!
  }
}
