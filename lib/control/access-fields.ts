import { scopes } from '../contracts/scopes.ts'
import { parseUsd } from '../domain/price.ts'
import { fault, lineOf, readInteger, readList, readNumeral, readText, readWord, type Field } from '../providers/yaml-fields.ts'
import { createAddressCheck } from './address-check.ts'

export type Keys<Name extends string> = Readonly<Partial<Record<Name, Field>>>
export const limitKeys = ['requests_per_minute', 'tokens_per_minute', 'concurrency'] as const

export function readName (field: Field | undefined): string | undefined {
  // eslint-disable-next-line no-control-regex
  return readText(field, text => /^[^\u0000-\u001f]{1,200}$/.test(text), 'a text of 1 to 200 characters')
}

/** An id with its prefix, declared once. */
export function readId (field: Field | undefined, prefix: string, declared: Map<string, number>): string | undefined {
  const id = readText(field, text => text.startsWith(prefix) && /^[a-z]+_[A-Za-z0-9_.-]{1,100}$/.test(text), `an id such as ${prefix}acme`)
  if (id === undefined) return undefined
  const line = declared.get(id)
  if (line !== undefined) return fault(field!, `${id} is already declared in line ${line}`)
  declared.set(id, lineOf(field!))
  return id
}

export function readScopes (field: Field | undefined): string[] {
  return (readList(field) ?? []).flatMap(entry => readWord(entry, scopes) ?? [])
}

export function readStrings (field: Field | undefined, kind: 'name' | 'address' = 'name'): string[] | undefined {
  return readList(field)?.flatMap(entry => kind === 'name'
    ? readText(entry, text => /^[!-~]{1,256}$/.test(text), 'a name of 1 to 256 printable ASCII characters without spaces') ?? []
    : readText(entry, isRange, 'an address or a CIDR range') ?? [])
}

function isRange (text: string): boolean {
  try {
    createAddressCheck([text])
    return true
  } catch {
    return false
  }
}

/** What a limit or a budget is for: an id of this file, or the name of a model. */
export function readSubject (field: Field | undefined, declared: Readonly<Record<'organization' | 'project' | 'key', ReadonlyMap<string, number>>>, kind: 'organization' | 'project' | 'key' | 'model'): string | undefined {
  const id = readName(field)
  if (id === undefined || kind === 'model' || declared[kind].has(id)) return id
  return fault(field!, `no ${kind} in this file has the id ${id}`)
}

export function readPeriod (field: Field | undefined): string | undefined {
  return readWord(field, ['day', 'week', 'month', 'total'])
}

export function readAmount (field: Field | undefined): bigint | undefined {
  if (!field) return undefined
  try {
    return parseUsd(readNumeral(field) ?? '')
  } catch (error) {
    return fault(field, (error as Error).message)
  }
}

export function readThresholds (field: Field | undefined): number[] {
  return readList(field)?.flatMap(entry => readInteger(entry, 1, 1000) ?? []) ?? [50, 80, 100]
}
