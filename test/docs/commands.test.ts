import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { startTestApi, type TestApi } from '../support/api.ts'
import { blocks, documents, readDocument, readTable, root, codeWords } from './_markdown.ts'
import { python, runBlock } from './_run-block.ts'

let api: TestApi
test.before(async () => { api = await startTestApi({ worker: true }) })
test.after.always(async () => { await api?.close() })

const marked = blocks.filter(block => block.mark !== null && /^run\b/.test(block.mark))

for (const block of marked.filter(block => block.language !== 'sql')) {
  const expected = /^run: (.+)$/.exec(block.mark!)?.[1]
  const compiles = block.language === 'python' && python !== 'runs'
  const title = `the ${block.language} block at ${block.document}:${block.line} ` + (compiles ? 'compiles (it runs where the openai package is installed)' : `runs and prints ${expected}`)
  const run = block.language === 'python' && python === 'absent' ? test.skip : test
  run(title, async t => {
    const { code, stdout, stderr } = await runBlock(block, { SIRA_URL: api.url, SIRA_KEY: api.key })
    t.is(code, 0, stdout + stderr)
    t.truthy(expected)
    if (!compiles) t.true(stdout.includes(expected!), stdout)
  })
}

for (const block of marked.filter(block => block.language === 'sql')) {
  test(`the SQL at ${block.document}:${block.line} fits the tables`, async t => {
    await t.notThrowsAsync(async () => await api.pool.query(block.code))
  })
}

test('programs and queries of the documentation are all run', t => {
  const known = blocks.filter(block => ['ts', 'python', 'sql'].includes(block.language) && !/^local\/|^test\//.test(block.document))
  t.true(known.length >= 6)
  t.deepEqual(known.filter(block => !marked.includes(block)).map(block => `${block.document}:${block.line}`), [])
  const requests = blocks.filter(block => block.language === 'sh' && /\bcurl\b/.test(block.code))
  t.true(requests.length >= 2)
  t.deepEqual(requests.filter(block => !marked.includes(block)).map(block => `${block.document}:${block.line}`), [])
})

test('the routes in the documentation are the routes of the API', async t => {
  const document = await (await fetch(`${api.url}/openapi.json`)).json() as { paths: Record<string, Record<string, unknown>> }
  const served = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods)
    .map(method => `${method.toUpperCase()} ${path.replace('/{*}', '/{id}').replace(/(.)\/$/, '$1')}`))
    .filter(route => !/^HEAD|^OPTIONS|(livez|readyz)$/.test(route))
  const documented = ['## OpenAI\'s dialect', '## Native dialect'].flatMap(section => readTable('docs/api.md', section, 'route').map(([route]) => codeWords(route!)[0]!))
  t.deepEqual(documented.sort(), served.sort())
})

test('npm commands in the documentation exist, with their flags', t => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const help = readFileSync(join(root, 'local', 'start.ts'), 'utf8')
  const text = documents.map(readDocument).join('\n')
  const names = [...text.matchAll(/\bnpm (start|test)\b|\bnpm run ([\w:-]+)/g)].map(match => match[1] ?? match[2]!)
  t.true(names.length > 10)
  t.deepEqual([...new Set(names)].filter(name => !(name in scripts)), [])
  for (const [, flag] of text.matchAll(/\bnpm start -- (--[\w-]+)/g)) t.true(help.includes(flag!), flag)
})

test('docker compose commands in the documentation name services and profiles that exist', t => {
  const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')) as { services: Record<string, { profiles?: string[] }> }
  const text = documents.map(readDocument).join('\n')
  const commands = [...text.matchAll(/docker compose [^`\n]*/g)].map(match => match[0])
  t.true(commands.length > 0)
  for (const command of commands) {
    for (const [, service] of command.matchAll(/--scale (\w+)=/g)) t.true(service! in services, command)
    for (const [, profile] of command.matchAll(/--profile (\w+)/g)) t.true(Object.values(services).some(service => service.profiles?.includes(profile!)), command)
  }
})

test('files that documented commands start exist', t => {
  const paths = documents.map(readDocument).join('\n').matchAll(/(?:--import tsx|npx tsx|node) ([\w/.-]+\.(?:ts|mjs))/g)
  const names = [...paths].map(match => match[1]!)
  t.true(names.length >= 3)
  for (const name of names) t.notThrows(() => readFileSync(join(root, name)))
})
