// Appends to the journal and prints how many records are appended. Nothing reaches its store. Ends after a while, should nobody kill it.
import { writeSync } from 'node:fs'
import { openJournal } from '../../../lib/usage/journal.ts'
import { outage, record, silent } from './_journal.ts'

const [directory, name] = process.argv.slice(2) as [string, string]
const journal = await openJournal({ directory, processId: name, log: silent, write: async () => { throw outage() } })
for (let number = 0; number < 10_000; number++) {
  journal.append(record(`${name}_${number}`))
  writeSync(1, `${number + 1}\n`)
  await new Promise(resolve => setTimeout(resolve, 1))
}
process.exit()
