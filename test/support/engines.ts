/** Where `npm test` has put an engine for the tests, or what else its files share. */
export function engineVariable (name: string): string {
  const value = process.env[`SIRA_TEST_${name}`]
  if (value === undefined) throw new Error(`SIRA_TEST_${name} is not set: run tests with \`npm test -- <file>\`, which starts the engines they need.`)
  return value
}
