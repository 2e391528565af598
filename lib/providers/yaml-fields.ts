import { Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { Node } from 'yaml'
import { SiraError } from '../errors.ts'

/** A value of a YAML file with its place, so that a fault can name the line. Faults are collected, never thrown. */
export interface Field {
  readonly file: YamlFile
  /** Such as `models[0].price.input`; empty for the document itself. */
  readonly path: string
  readonly node: Node
}

interface YamlFile {
  readonly name: string
  readonly document: Document
  readonly lines: LineCounter
  readonly faults: Fault[]
}

interface Fault { readonly line: number, readonly path: string, readonly text: string }

/** Parses one YAML document. null when it is malformed or empty; the faults say why. */
export function openYaml (name: string, text: string): { root: Field | null, faults: () => string[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true, prettyErrors: false, logLevel: 'silent' })
  const file: YamlFile = { name, document, lines, faults: [] }
  for (const error of [...document.errors, ...document.warnings]) {
    file.faults.push({ line: lines.linePos(error.pos[0]).line, path: '', text: error.message })
  }
  if (file.faults.length === 0 && document.contents === null) file.faults.push({ line: 1, path: '', text: 'the file is empty' })
  const root = file.faults.length === 0 && document.contents ? { file, path: '', node: resolve(document, document.contents) } : null
  return { root, faults: () => file.faults.toSorted((a, b) => a.line - b.line).map(({ line, path, text }) => `${name}:${line}: ${path === '' ? text : `${path}: ${text}`}`) }
}

/**
 * Reads a plain JSON value with the readers of this file, so that a request body and the configuration file are under one
 * rule. A member that is null counts as absent. `param` is the value's name in the request. Throws SiraError
 * `invalid_parameter` with the path of the first fault.
 */
export function readJson <T> (value: unknown, param: string, read: (field: Field) => T): T {
  const document = new Document(value, (_key, member: unknown) => member === null ? undefined : member, { aliasDuplicateObjects: false })
  const file: YamlFile = { name: '', document, lines: new LineCounter(), faults: [] }
  // undefined is no document
  const node = document.contents ?? document.createNode(null)
  const result = read({ file, path: param, node })
  const first = file.faults[0]
  if (first !== undefined) throw new SiraError('invalid_parameter', { param: first.path, reason: first.text })
  return result
}

export function lineOf (field: Field): number {
  return field.file.lines.linePos(field.node.range?.[0] ?? 0).line
}

export function fault (field: Field, text: string): undefined {
  field.file.faults.push({ line: lineOf(field), path: field.path, text })
}

/** The fields of a mapping; undefined when it is none. Keys that are not listed and missing required ones are faults. */
export function readMap <Required extends string, Optional extends string = never> (
  field: Field, required: readonly Required[], optional: readonly Optional[] = []
): Readonly<Partial<Record<Required | Optional, Field>>> | undefined {
  if (!isMap(field.node)) return fault(field, 'a mapping is needed')
  const known: readonly string[] = [...required, ...optional]
  const fields: Partial<Record<string, Field>> = {}
  for (const { key, value } of field.node.items) {
    const name = isScalar(key) ? String(key.value) : null
    const place = { ...field, node: key as Node }
    if (name === null || !known.includes(name)) {
      fault(place, `unknown key ${name ?? ''}, known are ${known.join(', ')}`)
      continue
    }
    const path = field.path === '' ? name : `${field.path}.${name}`
    // `key:` with nothing behind it has no node of its own in some positions; the key's place stands for it
    fields[name] = value === null ? { ...place, path } : { file: field.file, path, node: resolve(field.file.document, value as Node) }
  }
  for (const name of required) if (fields[name] === undefined) fault(field, `${name} is missing`)
  return fields as Partial<Record<Required | Optional, Field>>
}

/** The entries of a list; undefined when it is none or empty. */
export function readList (field: Field | undefined): Field[] | undefined {
  if (!field) return undefined
  if (!isSeq(field.node)) return fault(field, 'a list is needed')
  if (field.node.items.length === 0) return fault(field, 'at least one entry is needed')
  return field.node.items.map((node, index) => ({
    file: field.file, path: `${field.path}[${index}]`, node: resolve(field.file.document, node as Node)
  }))
}

/** A text that passes the check; `needed` completes "… is needed". */
export function readText (field: Field | undefined, check: (text: string) => boolean, needed: string): string | undefined {
  if (!field) return undefined
  const value = isScalar(field.node) ? field.node.value : undefined
  return typeof value === 'string' && check(value) ? value : fault(field, `${needed} is needed`)
}

export function readInteger (field: Field | undefined, least: number, most: number): number | undefined {
  if (!field) return undefined
  const value = isScalar(field.node) ? field.node.value : undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  return fault(field, `a whole number from ${least} to ${most} is needed`)
}

export function readBoolean (field: Field | undefined): boolean | undefined {
  if (!field) return undefined
  const value = isScalar(field.node) ? field.node.value : undefined
  return typeof value === 'boolean' ? value : fault(field, 'true or false is needed')
}

/** One of a closed list of words. */
export function readWord <Word extends string> (field: Field | undefined, words: readonly Word[]): Word | undefined {
  return readText(field, text => (words as readonly string[]).includes(text), words.join(' or ')) as Word | undefined
}

/** The entry itself, or the entries of a list. */
export function readOneOrMore (field: Field | undefined): Field[] | undefined {
  return field && isSeq(field.node) ? readList(field) : field && [field]
}

/** A number as it is written, so that it can be read exactly: `0.1` and `"0.1"` are the same. */
export function readNumeral (field: Field): string | undefined {
  if (!isScalar(field.node)) return undefined
  const { value, source } = field.node
  // JSON has been parsed already; its shortest decimal is what was written, up to 15 digits
  if (typeof value === 'number') return source ?? String(value)
  return typeof value === 'string' ? value : undefined
}

function resolve (document: Document, node: Node): Node {
  return isAlias(node) ? node.resolve(document) ?? node : node
}
