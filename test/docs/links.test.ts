import { dirname, join, normalize } from 'node:path'
import test from 'ava'
import { codeWords, documents, exists, readDocument } from './_markdown.ts'

/** Without fenced blocks, where brackets are code. */
function prose (document: string): string {
  return readDocument(document).replace(/^ *```[\s\S]*?^ *```$/gm, '')
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchors (document: string): string[] {
  return [...prose(document).matchAll(/^#+ (.+)$/gm)].map(match => match[1]!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))
}

test('every link between documents leads to a file and a heading that exist', t => {
  let checked = 0
  for (const document of documents) {
    for (const [, target] of prose(document).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [path = '', anchor] = target!.split('#')
      const file = path === '' ? document : normalize(join(dirname(document), path))
      t.true(exists(file), `${document}: ${target}`)
      if (anchor !== undefined) t.true(anchors(file).includes(anchor), `${document}: ${target}`)
      checked++
    }
  }
  t.true(checked > 50)
})

test('every file and folder that the documentation names exists', t => {
  const named = /^(?:api|workflows|activities|worker|lib|local|prisma|test|docs)\/[\w./-]+$|^\.ci\/\w+$|^[\w.-]+\.(?:json|cjs|yml)$/
  // that one names a folder for later
  const missing = documents.filter(document => document !== 'test/support/README.md').flatMap(document => codeWords(prose(document)).filter(word => named.test(word))
    .filter(word => !exists(word) && !exists(join(dirname(document), word))).map(word => `${document}: ${word}`))
  t.deepEqual(missing, [])
})

test('every decision is listed and has its three parts', t => {
  const pages = documents.filter(document => /^docs\/decisions\/\d/.test(document))
  const list = readDocument('docs/decisions/README.md')
  t.true(pages.length > 20)
  for (const page of pages) {
    const text = readDocument(page)
    t.true(list.includes(`(${page.slice('docs/decisions/'.length)}) ${/^# (.+)$/m.exec(text)?.[1]}`), page)
    t.deepEqual([...text.matchAll(/^## (.+)$/gm)].map(match => match[1]), ['Context', 'Decision', 'Consequences'], page)
  }
})

test('every folder of the product has a README', t => {
  for (const folder of ['api', 'api/realtime', 'workflows', 'activities', 'worker', 'prisma', 'lib', 'lib/domain', 'lib/store', 'lib/contracts', 'lib/providers', 'test', 'local', 'lib/temporal', 'lib/batch-input']) {
    t.true(documents.includes(`${folder}/README.md`), folder)
  }
})
