import test from 'ava'
import pg from 'pg'
import { cloneDatabase } from './database.ts'

test('ten databases cloned at once are separate and have every table', async t => {
  const databases = await Promise.all(Array.from({ length: 10 }, async () => cloneDatabase()))
  t.teardown(async () => { await Promise.all(databases.map(async database => database.drop())) })
  t.is(new Set(databases.map(database => database.url)).size, 10)
  for (const { url } of databases) {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query<{ found: string | null }>("SELECT to_regclass('batch_row') AS found")
    await client.end()
    t.is(rows[0]?.found, 'batch_row')
  }
})
