/** JSON text on one line. It has raw line breaks only between tokens, so they can go without touching a value (a number's digits, say). */
export function onOneLine (json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n][ \t\r\n]*/g, ' ').trim() : json
}
