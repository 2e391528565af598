import test from 'ava'
import { loadConfig } from '../../lib/config.ts'
import { parseCatalog } from '../../lib/providers/catalog-file.ts'
import { blocks, codeWords, readTable } from './_markdown.ts'

const document = 'docs/configuration.md'
const variables = readTable(document, '## Variables', 'variable').map(([name, value, unit, meaning]) => ({
  name: codeWords(name!)[0]!, value: codeWords(value!)[0] ?? null, unit: unit!, meaning: meaning!
}))

/** The variables that loadConfig asks for. */
function variablesRead (): string[] {
  const names = new Set<string>()
  loadConfig(new Proxy({}, {
    get (_target, name) {
      names.add(String(name))
      return undefined
    }
  }))
  return [...names].sort()
}

test('every variable of lib/config.ts is documented once, and no other', t => {
  t.deepEqual(variables.map(variable => variable.name).sort(), variablesRead())
  for (const { name, unit } of variables) t.truthy(unit, `${name} has a unit`)
})

test('the documented defaults are those of the code', t => {
  const defaults = Object.fromEntries(variables.flatMap(({ name, value }) => value === null ? [] : [[name, value]]))
  t.true(Object.keys(defaults).length > 20)
  t.deepEqual(loadConfig(defaults), loadConfig({}))
  // a variable said to have none must be one whose absence shows
  const something = (name: string): string => name.endsWith('_ENDPOINT') ? 'http://something' : name.endsWith('_NETWORKS') ? '10.0.0.0/8' : 'something'
  for (const { name } of variables.filter(variable => variable.value === null)) t.notDeepEqual(loadConfig({ [name]: something(name) }), loadConfig({}), name)
})

test('the configuration file of the documentation is accepted', t => {
  const example = blocks.find(block => block.document === document && block.mark === 'check: catalog')!
  const catalog = parseCatalog('sira.yaml', example.code, { OPENAI_API_KEY: 'key' })
  t.is(catalog.providers.size, 2)
  t.is(catalog.models.get('small')?.deployments[0]?.upstream, 'meta-llama/Llama-3.1-8B-Instruct')
  t.is(catalog.providers.get('own')?.maxConcurrency, 256)
})

test('the configuration file of the README is accepted', t => {
  const example = blocks.find(block => block.document === 'README.md' && block.language === 'yaml')!
  t.is(parseCatalog('sira.yaml', example.code, { OPENAI_API_KEY: 'key' }).models.size, 1)
})

test('every field of the configuration file is documented, and no other', t => {
  // an unknown key is refused with the list of known ones
  const wrong = 'providers: [{ wrong: 1 }]\nmodels: [{ wrong: 1 }, { id: a, provider: b, price: { wrong: 1, above: [{ wrong: 1 }] } }, { id: c, deployments: [{ wrong: 1 }] }]'
  const { message } = t.throws(() => parseCatalog('sira.yaml', wrong, {}))
  const known = [...message.matchAll(/known are (.+)/g)].map(match => match[1]!.split(', ').sort())
  const documented = ['### `providers[]`', '### `models[]`', '### `models[].price`', '### `models[].price.above[]`', '### `models[].deployments[]`']
    .map(section => readTable(document, section, 'field').flatMap(([name]) => codeWords(name!)).sort())
  t.deepEqual(documented, known)
})
