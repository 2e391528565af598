export interface JsonEnd {
  read: (text: string) => void
  /** The object that began has ended. */
  reached: () => boolean
}

/** Tells where a JSON object that comes in pieces ends, reading each character once: a provider may send it in any number of pieces. */
export function createJsonEnd (): JsonEnd {
  let begun = false
  let depth = 0
  let quoted = false
  let escaped = false
  return {
    read (text) {
      for (let place = 0; place < text.length; place++) {
        const character = text[place]
        if (escaped) escaped = false
        else if (quoted) {
          if (character === '"') quoted = false
          else if (character === '\\') escaped = true
        } else if (character === '"') quoted = true
        else if (character === '{' || character === '[') {
          begun = true
          depth += 1
        } else if (character === '}' || character === ']') depth -= 1
      }
    },
    reached: () => begun && depth <= 0 && !quoted
  }
}
