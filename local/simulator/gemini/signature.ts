import { digestBytes, digestText } from '../random.ts'

/** What Google lets a caller send for calls that another model made. */
const foreign = ['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go']

/** The signature of a call the simulator made: base64, as long as real ones of little thinking, and of this call only. */
export function signatureOf (name: unknown, args: unknown): string {
  const digest = digestText(digestBytes(Buffer.from(`${String(name)} ${JSON.stringify(args)}`)))
  return Buffer.from(`simulated thought signature ${`${digest} `.repeat(12)}`).toString('base64')
}

export function isSignature (signature: unknown, name: unknown, args: unknown): boolean {
  return typeof signature === 'string' && (foreign.includes(signature) || signature === signatureOf(name, args))
}
