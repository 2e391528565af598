import { parseArgs } from 'node:util'

/**
 * Reads `--name NUMBER` flags, whole numbers from 0, and words of `parts`, which name what to measure; without any, all of them.
 * `--help` shows both; anything else ends the program with status 2.
 */
export function readOptions<const Name extends string, const Part extends string = never> (
  defaults: Readonly<Record<Name, number>>, parts: readonly Part[] = []
): Readonly<Record<Name, number>> & { readonly parts: ReadonlySet<Part> } {
  const names = Object.keys(defaults) as Name[]
  const usage = [
    ...(parts.length === 0 ? [] : [`Measures ${parts.join(', ')}: all, or those named.`]),
    'Options (default):', ...names.map(name => `  --${name} NUMBER (${defaults[name]})`)
  ].join('\n')
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: parts.length > 0,
      options: { help: { type: 'boolean' }, ...Object.fromEntries(names.map(name => [name, { type: 'string' }] as const)) }
    })
    if (values.help === true) {
      console.log(usage)
      process.exit(0)
    }
    const unknown = positionals.find(word => !(parts as readonly string[]).includes(word))
    if (unknown !== undefined) throw new Error(`${unknown}: one of ${parts.join(', ')} is needed`)
    const numbers = Object.fromEntries(names.map(name => [name, readNumber(name, (values as Record<string, unknown>)[name] ?? defaults[name])])) as Record<Name, number>
    return { ...numbers, parts: new Set(positionals.length === 0 ? parts : positionals as Part[]) }
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

function readNumber (name: string, value: unknown): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= 0 && value !== '') return number
  throw new Error(`--${name} ${String(value)}: a whole number from 0 is needed`)
}
