import test from 'ava'
import pg from 'pg'
import { jobHintChannel } from '../../../lib/contracts/jobs.ts'
import { createHintPublisher, hintPayloads, parseHints } from '../../../lib/store/job-hints.ts'
import { openDatabase, silent } from './_job-fixture.ts'

interface Received { readonly at: number, readonly hints: Array<[string, number]> }

async function listen (url: string): Promise<{ client: pg.Client, received: Received[], until: (done: () => boolean) => Promise<void> }> {
  const client = new pg.Client({ connectionString: url })
  const received: Received[] = []
  let look = (): void => {}
  client.on('notification', message => {
    received.push({ at: performance.now(), hints: parseHints(message.payload!) })
    look()
  })
  await client.connect()
  await client.query(`LISTEN ${jobHintChannel}`)
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise<void>(resolve => { look = resolve })
  }
  return { client, received, until }
}

test('payloads stay under the 8,000 bytes of NOTIFY and lose no hint', t => {
  const hints = Array.from({ length: 1_000 }, (_, index): [string, number] => [`batch_${String(index).padStart(32, '0')}`, index])
  const payloads = hintPayloads(hints)
  t.true(payloads.length < 10)
  t.true(payloads.every(payload => Buffer.byteLength(payload) < 8_000))
  t.deepEqual(payloads.flatMap(parseHints), hints)
  t.deepEqual(hintPayloads([]), [])
})

test('a payload that is not made of hints is refused', t => {
  for (const payload of ['', '{}', '["a"]', '[["a","1"]]', '[[1,2]]', '[["a",1,2]]']) t.throws(() => parseHints(payload), undefined, payload)
})

test('hints of one job are coalesced to about ten a second, the newest seq always arriving', async t => {
  const { url } = await openDatabase(t)
  const { client, received, until } = await listen(url)
  const publisher = createHintPublisher(url, silent)
  const start = performance.now()
  let seq = 0
  while (performance.now() - start < 500) {
    publisher.hint('batch_a', ++seq)
    publisher.hint('batch_a', seq - 1)
    await new Promise(resolve => { setTimeout(resolve, 1) })
  }
  await until(() => received.at(-1)?.hints[0]?.[1] === seq)
  t.true(received.length >= 2 && received.length <= 8, `${received.length}`)
  t.true(received.every(({ hints }) => hints.length === 1))
  await publisher.close()
  await client.end()
})

test('closing sends what waits', async t => {
  const { url } = await openDatabase(t)
  const { client, received, until } = await listen(url)
  const publisher = createHintPublisher(url, silent)
  publisher.hint('batch_a', 1)
  publisher.hint('batch_b', 2)
  await publisher.close()
  await until(() => received.length > 0)
  t.deepEqual(received[0]?.hints, [['batch_a', 1], ['batch_b', 2]])
  await client.end()
})

test('after its connection was ended the publisher connects again', async t => {
  const { url, pool } = await openDatabase(t)
  const { client, received, until } = await listen(url)
  const publisher = createHintPublisher(url, silent)
  publisher.hint('batch_a', 1)
  await until(() => received.length === 1)
  const { rowCount } = await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sira job hints' AND datname = current_database()")
  t.is(rowCount, 1)
  publisher.hint('batch_a', 2)
  await until(() => received.length === 2)
  t.deepEqual(received[1]?.hints, [['batch_a', 2]])
  await publisher.close()
  await client.end()
})

test('hinting and closing without a database neither throws nor hangs', async t => {
  const publisher = createHintPublisher('postgresql://postgres@127.0.0.1:1/none', silent)
  for (let index = 0; index < 20_000; index++) publisher.hint(`batch_${index}`, 1)
  await t.notThrowsAsync(publisher.close())
})
