import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { inputErrorCodes } from '../../lib/contracts/batch-input.ts'
import { errorDefinitions, SiraError, type ErrorCode } from '../../lib/errors.ts'
import { urlRefusals } from '../../lib/outbound/target-url.ts'
import { failureCodes } from '../../lib/providers/types.ts'
import { codeWords, readTable, root } from './_markdown.ts'

const document = 'docs/api.md'

function documentedCodes (section: string, column = 'code'): string[] {
  return readTable(document, section, column).flatMap(([codes]) => codeWords(codes!)).sort()
}

test('every error of lib/errors.ts is documented with its status and whether repeating it helps', t => {
  const documented = readTable(document, '## Errors', 'code').map(([code, status, repeat]) => `${codeWords(code!)[0]} ${status} ${repeat}`)
  const defined = Object.entries(errorDefinitions).map(([code, { status }]) => `${code} ${status} ${new SiraError(code as ErrorCode).retryable ? 'yes' : 'no'}`)
  t.deepEqual(documented.sort(), defined.sort())
})

test('every code of a fault in a batch\'s input is documented, and no other', t => {
  t.deepEqual(documentedCodes('### Of a batch\'s input'), [...inputErrorCodes].sort())
})

test('every reason for which a URL is refused is documented, and no other', t => {
  t.deepEqual(documentedCodes('### Of a refused URL', 'reason'), [...urlRefusals].sort())
})

test('every code of a failed row is documented, and no other', t => {
  const ours = ['activities/batch/run-row.ts', 'activities/batch/finalize-batch.ts']
    .flatMap(path => [...readFileSync(join(root, path), 'utf8').matchAll(/code: '(\w+)'/g)].map(match => match[1]!))
  t.deepEqual(documentedCodes('### Of a row'), [...new Set([...failureCodes, ...ours])].sort())
})

/** The fixed parts of all messages that the product logs; `…` stands for what varies. */
function loggedMessages (): string[] {
  const files = ['api', 'worker', 'lib', 'activities'].flatMap(folder => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts')).map(name => readFileSync(join(root, folder, name), 'utf8')))
  const call = /\b(?:log\.(?:trace|debug|info|warn|error|fatal)|warn)\((?:\{[^()]*?\},\s*)?(['`])(.*?)\1/g
  return [...new Set(files.flatMap(text => [...text.matchAll(call)].map(match => match[2]!.replace(/\$\{[^}]*\}/g, '…'))))].sort()
}

test('every message of the log is documented with its level and process, and no other', t => {
  const lines = readTable('docs/operations.md', '## Log lines', 'message')
  t.deepEqual(lines.map(([message]) => codeWords(message!)[0]!).sort(), loggedMessages())
  for (const [message, level, process] of lines) {
    t.regex(level!, /^(info|warn|error)$/, message!)
    t.regex(process!, /^(api|worker|both)$/, message!)
  }
})
