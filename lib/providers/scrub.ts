/** What looks like a credential, whoever it belongs to. No quote or backslash matches, so JSON text stays JSON. */
const credentials = /\bsk-[\w*.-]{8,}|\bsira_[\w*.-]{4,}|\bBearer\s+[^\s"'\\,;<>]+/gi
const redacted = '[redacted]'

/** Removes the account's key, as it is and as JSON writes it, and everything that looks like a key. */
export function scrub (text: string, apiKey: string | null): string {
  // a key of a few characters, as local servers have, is no secret and would blank out words
  const known = apiKey !== null && apiKey.length >= 8
    ? text.replaceAll(apiKey, redacted).replaceAll(JSON.stringify(apiKey).slice(1, -1), redacted)
    : text
  return known.replace(credentials, redacted)
}
