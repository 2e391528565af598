/** Whether bytes[start, end) are only spaces, tabs and carriage returns. Indexing and reading back must skip the same lines. */
export function isBlank (bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const byte = bytes[index]
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false
  }
  return true
}
