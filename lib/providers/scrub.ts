/** What looks like a credential, whoever it belongs to. No quote or backslash matches, so JSON text stays JSON. */
const lookalikes = /\bsk-[\w*.-]{8,}|\bsira_[\w*.-]{4,}|\bAIza[\w*-]{20,}|\bBearer\s+[^\s"'\\,;<>]+/gi
const redacted = '[redacted]'

/** Removes the account's secrets, as they are and as JSON writes them, and everything that looks like a key. */
export function scrub (text: string, secrets: readonly string[]): string {
  let known = text
  for (const secret of secrets) {
    // a key of a few characters, as local servers have, is no secret and would blank out words
    if (secret.length >= 8) known = known.replaceAll(secret, redacted).replaceAll(JSON.stringify(secret).slice(1, -1), redacted)
  }
  return known.replace(lookalikes, redacted)
}
