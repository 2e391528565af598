import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { openJournal } from '../../../lib/usage/journal.ts'
import { memoryLog, memoryStore, open, outage, record, silent, temporaryDirectory, until } from './_journal.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('a record is stored without being flushed, with all its fields and in the name of its process', async t => {
  const store = memoryStore()
  const journal = await open(t, { directory: temporaryDirectory(t), write: store.write })
  const full = record('req_1', {
    endUser: 'Ünïcode "quoted"\n\u2028', errorCode: 'upstream_error', status: 502, cost: null, firstTokenMs: 3, stream: true, estimated: true,
    usage: { inputTokens: 1, cachedInputTokens: 2, outputTokens: 3, reasoningTokens: 4, cacheWriteTokens: 5, tier: 'flex' }
  })
  journal.append(full)
  await until(() => store.rows.has('req_1'))
  t.deepEqual(store.rows.get('req_1'), { record: full, processId: 'process_test' })
})

test('records are on disk when append returns', async t => {
  const directory = temporaryDirectory(t)
  const journal = await open(t, { directory, write: memoryStore().write })
  journal.append(record('req_on_disk'))
  const text = readdirSync(directory).filter(name => name.endsWith('.jsonl')).map(name => readFileSync(join(directory, name), 'utf8')).join('')
  t.true(text.includes('"req_on_disk"'))
})

test('records are stored in batches of at most 500, and flush waits for all of them', async t => {
  const store = memoryStore()
  const journal = await open(t, { directory: temporaryDirectory(t), write: store.write })
  for (let number = 0; number < 1_750; number++) journal.append(record(`req_${number}`))
  await journal.flush()
  t.is(store.rows.size, 1_750)
  t.is(store.largest, 500)
  t.is(store.calls, 4)
})

test('segments go when their records are stored, and a closed journal leaves nothing behind', async t => {
  const directory = temporaryDirectory(t)
  const store = memoryStore()
  const journal = await openJournal({ directory, processId: 'a', log: silent, write: store.write })
  const wide = 'x'.repeat(2_000)
  for (let number = 0; number < 5_000; number++) journal.append(record(`req_${number}`, { deployment: wide }))
  t.true(readdirSync(directory).filter(name => name.endsWith('.jsonl')).length >= 3)
  await journal.flush()
  await until(() => readdirSync(directory).filter(name => name.endsWith('.jsonl')).length === 1)
  await journal.close()
  t.deepEqual(readdirSync(directory), [])
  t.is(store.given, 5_000)
})

test('through an outage records wait on disk and not in memory, and arrive once each afterwards', async t => {
  const store = memoryStore()
  store.failure = outage
  const journal = await open(t, { directory: temporaryDirectory(t), write: store.write })
  const label = 'x'.repeat(1_000)
  journal.append(record('req_first'))
  await until(() => store.calls > 0)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let number = 0; number < 30_000; number++) journal.append(record(`req_${number}`, { deployment: label + number }))
  collectGarbage()
  t.true(process.memoryUsage().heapUsed - before < 4 * 1024 * 1024, 'what waits has 40 MB')
  t.is(store.rows.size, 0)
  store.failure = null
  await journal.flush()
  t.is(store.rows.size, 30_001)
  t.is(store.given, 30_001)
})

test('a full journal has no room until enough of it is stored', async t => {
  const store = memoryStore()
  store.failure = outage
  const journal = await open(t, { directory: temporaryDirectory(t), write: store.write, maxPendingBytes: 10_000 })
  let appended = 0
  while (journal.hasRoom()) journal.append(record(`req_${appended++}`))
  t.true(appended > 20 && appended < 100)
  t.false(journal.hasRoom())
  store.failure = null
  await journal.flush()
  t.true(journal.hasRoom())
  t.is(store.rows.size, appended)
})

test('a record that can never be stored is set aside and holds up no other', async t => {
  const directory = temporaryDirectory(t)
  const store = memoryStore()
  const { log, lines } = memoryLog()
  store.failure = records => records.some(({ id }) => id === 'req_77' || id === 'req_401')
    ? Object.assign(new Error('secret value out of range'), { code: '22003', detail: 'secret' })
    : null
  const journal = await open(t, { directory, write: store.write, log })
  for (let number = 0; number < 500; number++) journal.append(record(`req_${number}`))
  await journal.flush()
  t.is(store.rows.size, 498)
  t.is(store.given, 498)
  const rejected = readFileSync(join(directory, 'rejected.jsonl'), 'utf8').trim().split('\n').map(line => JSON.parse(line) as { reason: string, line: string })
  t.deepEqual(rejected.map(({ reason, line }) => [reason, (JSON.parse(line) as unknown[])[0]]), [['22003', 'req_77'], ['22003', 'req_401']])
  t.is(statSync(join(directory, 'rejected.jsonl')).mode & 0o777, 0o600)
  t.is(lines.filter(line => line.msg === 'a usage record can never be stored and was set aside').length, 2)
  t.false(JSON.stringify(lines).includes('secret'))
})

test('a database that refuses everything for another reason gets the records again, and none is set aside', async t => {
  const directory = temporaryDirectory(t)
  const store = memoryStore()
  store.failure = () => store.calls > 1 ? null : Object.assign(new Error('relation "usage" does not exist'), { code: '42P01' })
  const journal = await open(t, { directory, write: store.write })
  journal.append(record('req_1'))
  await journal.flush()
  t.deepEqual([...store.rows.keys()], ['req_1'])
  t.false(readdirSync(directory).includes('rejected.jsonl'))
})

test('a journal whose directory has too long a path is refused with the reason', async t => {
  const directory = join(temporaryDirectory(t), 'd'.repeat(120))
  await t.throwsAsync(openJournal({ directory, processId: 'a', log: silent, write: memoryStore().write }), { message: /too long a path.*SIRA_JOURNAL_DIR/ })
})

test('append after close is an error and not a loss', async t => {
  const journal = await openJournal({ directory: temporaryDirectory(t), processId: 'a', log: silent, write: memoryStore().write })
  await journal.close()
  t.throws(() => { journal.append(record('req_late')) }, { message: /closed/ })
})
