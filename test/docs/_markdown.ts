import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

const skipped = new Set(['node_modules', '.git', '.sira', 'generated'])

/** All Markdown files of the repository, by path from its root. */
export const documents: readonly string[] = find(root).map(path => relative(root, path)).sort()

function find (folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : find(join(folder, entry.name))
    return entry.name.endsWith('.md') ? [join(folder, entry.name)] : []
  })
}

export function readDocument (path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function exists (path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false }) !== undefined
}

export interface Block {
  readonly document: string
  readonly line: number
  readonly language: string
  readonly code: string
  /** What a comment before the block says: `run`, `run: text that it prints`, `check: what`. null = nothing. */
  readonly mark: string | null
}

/** The fenced blocks of a document, also those inside lists. */
export function readBlocks (document: string): Block[] {
  const lines = readDocument(document).split('\n')
  const blocks: Block[] = []
  for (let index = 0; index < lines.length; index++) {
    const fence = /^( *)```(\w*)$/.exec(lines[index]!)
    if (fence === null) continue
    const [, indent = '', language = ''] = fence
    const end = lines.indexOf(`${indent}\`\`\``, index + 1)
    if (end < 0) throw new Error(`${document}:${index + 1}: the block does not end`)
    const mark = /^ *<!-- (.+) -->$/.exec(lines[index - 1] ?? '')?.[1] ?? null
    blocks.push({ document, line: index + 1, language, code: lines.slice(index + 1, end).map(line => line.slice(indent.length)).join('\n') + '\n', mark })
    index = end
  }
  return blocks
}

export const blocks: readonly Block[] = documents.flatMap(readBlocks)

/** The rows of the table whose first heading is given, as trimmed cells. Throws when there is none. */
export function readTable (document: string, section: string, firstHeading: string): string[][] {
  const text = readDocument(document)
  const start = text.indexOf(`\n${section}\n`)
  if (start < 0) throw new Error(`${document} has no section ${section}`)
  const lines = text.slice(start + 1).split('\n')
  const head = lines.findIndex(line => line.startsWith(`| ${firstHeading} |`))
  if (head < 0) throw new Error(`${document}, ${section}: no table begins with ${firstHeading}`)
  const rows = lines.slice(head + 2)
  const end = rows.findIndex(line => !line.startsWith('|'))
  return rows.slice(0, end < 0 ? undefined : end).map(line => line.split('|').slice(1, -1).map(cell => cell.trim()))
}

/** What stands between backticks. */
export function codeWords (text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(match => match[1]!)
}
