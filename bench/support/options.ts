import { parseArgs } from 'node:util'

/** Reads `--name NUMBER` flags, whole numbers from 0. `--help` shows them; anything else ends the program with status 2. */
export function readOptions<const Name extends string> (defaults: Readonly<Record<Name, number>>): Readonly<Record<Name, number>> {
  const names = Object.keys(defaults) as Name[]
  const usage = ['Options (default):', ...names.map(name => `  --${name} NUMBER (${defaults[name]})`)].join('\n')
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean' }, ...Object.fromEntries(names.map(name => [name, { type: 'string' }] as const)) } })
    if (values.help === true) {
      console.log(usage)
      process.exit(0)
    }
    return Object.fromEntries(names.map(name => [name, readNumber(name, (values as Record<string, unknown>)[name] ?? defaults[name])])) as Record<Name, number>
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
