import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { openJournal } from '../../../lib/usage/journal.ts'
import { encodeRecord } from '../../../lib/usage/record-line.ts'
import { memoryLog, memoryStore, open, outage, record, silent, temporaryDirectory, until } from './_journal.ts'

/** A process that appends in a loop, and how many appends it has told of. */
async function startAppending (t: ExecutionContext, directory: string, name: string) {
  const told = join(temporaryDirectory(t), 'told') // a file, as a pipe that nobody empties takes no more
  const output = openSync(told, 'w')
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('_append.ts', import.meta.url)), directory, name], { stdio: ['ignore', output, 'ignore'] })
  closeSync(output)
  t.teardown(() => { child.kill('SIGKILL') })
  const ended = once(child, 'exit')
  const appending = {
    child,
    told: (): number => Number(readFileSync(told, 'utf8').trimEnd().split('\n').at(-1)),
    async kill (): Promise<void> {
      child.kill('SIGKILL')
      await ended
    }
  }
  await until(() => appending.told() > 0)
  return appending
}

const segments = (directory: string): string[] => readdirSync(directory).filter(name => name.endsWith('.jsonl') && name !== 'rejected.jsonl')

test('what a killed process had appended is stored by the next, all of it, once, and in its name', async t => {
  const directory = temporaryDirectory(t)
  const dying = await startAppending(t, directory, 'dead')
  await until(() => dying.told() > 1_000)
  await dying.kill()
  const store = memoryStore()
  await open(t, { directory, write: store.write })
  await until(() => segments(directory).length === 1)
  for (let number = 0; number < dying.told(); number++) if (!store.rows.has(`dead_${number}`)) t.fail(`dead_${number} was appended and is missing`)
  t.is(store.given, store.rows.size)
  t.true(store.rows.size - dying.told() <= 1, 'at most the one that was appended and not yet told')
  t.true([...store.rows.values()].every(({ processId }) => processId === 'dead'))
  t.is(readdirSync(directory).filter(name => name.endsWith('.sock')).length, 1)
})

test('of two processes in one directory the dead one is recovered while both others live, and once', async t => {
  const directory = temporaryDirectory(t)
  const store = memoryStore()
  const first = await open(t, { directory, write: store.write, processId: 'first', recoverEvery: 20 })
  await open(t, { directory, write: store.write, processId: 'second', recoverEvery: 20 })
  const dying = await startAppending(t, directory, 'dead')
  const busy = await startAppending(t, directory, 'busy')
  await until(() => dying.told() > 200 && busy.told() > 200)
  t.is(store.given, 0, 'the segments of the living are left alone')
  await dying.kill()
  await until(() => store.rows.size >= dying.told() && segments(directory).length === 3)
  first.append(record('req_first'))
  await first.flush()
  const names = [...store.rows.keys()].map(id => id.split('_')[0])
  t.deepEqual([...new Set(names)].sort(), ['dead', 'req'])
  t.is(store.given, store.rows.size)
  await busy.kill()
  await until(() => segments(directory).length === 2)
  for (let number = 0; number < busy.told(); number++) if (!store.rows.has(`busy_${number}`)) t.fail(`busy_${number} was appended and is missing`)
  t.is(store.given, store.rows.size)
})

test('a stopped process is not taken for dead', async t => {
  const directory = temporaryDirectory(t)
  const stopped = await startAppending(t, directory, 'stopped')
  stopped.child.kill('SIGSTOP')
  const store = memoryStore()
  const { log, lines } = memoryLog()
  const journal = await openJournal({ directory, processId: 'other', write: store.write, log, recoverEvery: 5 })
  const rounds = 20
  for (let round = 0; round < rounds; round++) {
    journal.append(record(`req_${round}`))
    await journal.flush()
  }
  t.is(store.rows.size, rounds)
  t.deepEqual(lines, [])
  await journal.close()
  t.is(segments(directory).length, 1)
})

test('what a process could not store before its end is stored by the next', async t => {
  const directory = temporaryDirectory(t)
  const store = memoryStore()
  store.failure = outage
  const journal = await openJournal({ directory, processId: 'first', log: silent, write: store.write })
  for (let number = 0; number < 10; number++) journal.append(record(`req_${number}`))
  await journal.close()
  store.failure = null
  await open(t, { directory, write: store.write, processId: 'second' })
  await until(() => store.rows.size === 10 && segments(directory).length === 1)
  t.deepEqual([...store.rows.values()].map(({ processId }) => processId), Array<string>(10).fill('first'))
})

const dead = '0123456789abcdef'
const header = '{"version":1,"process":"dead"}\n'

test('a line that a crash cut off is left out and told of; a broken one before it is set aside', async t => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, `${dead}-000000000.jsonl`), `${header}${encodeRecord(record('req_1'))}["req_broken"]\n${encodeRecord(record('req_2'))}${encodeRecord(record('req_3')).slice(0, 40)}`)
  const store = memoryStore()
  const { log, lines } = memoryLog()
  await open(t, { directory, write: store.write, log })
  await until(() => lines.some(line => line.msg === 'the last line of a usage journal is cut off and was left out' && line.bytes === 40))
  t.deepEqual([...store.rows.keys()], ['req_1', 'req_2'])
  t.true(readdirSync(directory).includes('rejected.jsonl'))
  t.is(lines.filter(line => line.reason === 'unreadable').length, 1)
  await until(() => segments(directory).length === 1)
})

test('segments of a process that died before its first line are removed', async t => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, `${dead}-000000000.jsonl`), '')
  writeFileSync(join(directory, `${dead}-000000001.jsonl`), header.slice(0, 7))
  writeFileSync(join(directory, `${dead}-000000002.jsonl`), header)
  const store = memoryStore()
  await open(t, { directory, write: store.write })
  await until(() => segments(directory).length === 1)
  t.is(store.calls, 0)
})

test('segments of a newer version are told of and stay', async t => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, `${dead}-000000000.jsonl`), `{"version":2,"process":"new"}\n${encodeRecord(record('req_1'))}`)
  const store = memoryStore()
  const { log, lines } = memoryLog()
  const journal = await openJournal({ directory, processId: 'old', write: store.write, log })
  await until(() => lines.some(line => line.msg === 'a file of the usage journal cannot be recovered; it stays where it is'))
  await journal.close()
  t.is(store.calls, 0)
  t.is(segments(directory).length, 1)
})

test('a line longer than what is read at once is read whole', async t => {
  const directory = temporaryDirectory(t)
  const long = record('req_long', { model: 'm'.repeat(1_500_000) })
  const store = memoryStore()
  const journal = await open(t, { directory, write: store.write })
  journal.append(record('req_before'))
  journal.append(long)
  journal.append(record('req_after'))
  await journal.flush()
  t.deepEqual([...store.rows.keys()], ['req_before', 'req_long', 'req_after'])
  t.is(store.rows.get('req_long')?.record.model.length, 1_500_000)
})
