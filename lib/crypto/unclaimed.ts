import { type Keyring, unclaimedPlace } from './seal.ts'

/** One column for both parts of what is sealed: the length of the key's name, the name, the rest. */
export function sealUnclaimed (keyring: Keyring, text: string, hash: string): Buffer {
  const { sealed, kek } = keyring.seal(text, unclaimedPlace(hash))
  return Buffer.concat([Buffer.from([kek.length]), Buffer.from(kek, 'latin1'), sealed])
}

/** Throws as Keyring.open does. */
export function openUnclaimed (keyring: Keyring, bytes: Buffer, hash: string): string {
  const length = bytes[0] ?? 0
  return keyring.open({ kek: bytes.toString('latin1', 1, 1 + length), sealed: bytes.subarray(1 + length) }, unclaimedPlace(hash))
}
