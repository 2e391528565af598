import test from 'ava'
import { createFileRow, deleteFile, findFile, listFiles, readFileWithIndex } from '../../../lib/store/files.ts'
import { sweepFiles } from '../../../lib/store/sweep-files.ts'
import { insertTestBatch } from '../../support/batch.ts'
import { silentLog } from '../../support/pool.ts'
import { index, openFilesFixture } from './_files-fixture.ts'

test('a file is read back with the index that was stored', async t => {
  const { pool, prisma, caller, store } = await openFilesFixture(t)
  const file = await store()
  t.deepEqual(await findFile(prisma, caller, file.id), file)
  t.deepEqual(await readFileWithIndex(pool, caller, file.id), { ...file, index })
})

test('an index with every kind of text that a line may hold can be stored', async t => {
  const { pool, caller, store } = await openFilesFixture(t)
  const file = await store()
  const models = JSON.parse('{"__proto__":{"count":1,"lines":[1]},"é\\"\\\\😀":{"count":1,"lines":[2]}}')
  await pool.query('UPDATE file_index SET models = $1', [JSON.stringify(models)])
  t.deepEqual((await readFileWithIndex(pool, caller, file.id))?.index?.models, models)
})

test('a deleted, expired or foreign file does not exist for any reader', async t => {
  const { pool, prisma, objects, caller, stranger, store } = await openFilesFixture(t)
  const [deleted, expired, foreign] = [await store(), await store({ expiresInSeconds: 3_600 }), await store()]
  await deleteFile(prisma, objects, caller, deleted.id, silentLog)
  await pool.query("UPDATE file SET expires_at = now() - interval '1 second' WHERE id = $1", [expired.id])
  for (const [tenant, id] of [[caller, deleted.id], [caller, expired.id], [stranger, foreign.id], [{ ...caller, organizationId: stranger.organizationId }, foreign.id]] as const) {
    t.is(await findFile(prisma, tenant, id), null)
    t.is(await readFileWithIndex(pool, tenant, id), null)
    t.false((await listFiles(prisma, tenant, { order: 'asc', limit: 10 })).data.some(file => file.id === id))
    t.false(await deleteFile(prisma, objects, tenant, id, silentLog))
  }
})

test('an output file row that is there already is left as it is', async t => {
  const { pool, prisma, caller, store } = await openFilesFixture(t)
  const file = await store()
  await createFileRow(pool, { ...file, filename: 'other' })
  t.is((await findFile(prisma, caller, file.id))?.filename, 'a.jsonl')
  await createFileRow(pool, { ...file, id: 'file-output', purpose: 'batch_output' })
  t.deepEqual((await readFileWithIndex(pool, caller, 'file-output'))?.index, null)
})

test('a deleted file loses its object at once and its row an hour later', async t => {
  const { pool, prisma, objects, caller, store, keys } = await openFilesFixture(t)
  const file = await store()
  t.true(await deleteFile(prisma, objects, caller, file.id, silentLog))
  t.deepEqual(await keys(), [])
  t.deepEqual(await sweepFiles(pool, objects, 10), { expired: 0, purged: 0 })
  await pool.query("UPDATE file SET deleted_at = now() - interval '61 minutes'")
  t.deepEqual(await sweepFiles(pool, objects, 10), { expired: 0, purged: 1 })
  t.is((await pool.query('SELECT FROM file')).rows.length, 0)
  t.is((await pool.query('SELECT FROM file_index')).rows.length, 0)
})

test('a deletion that cannot reach the object store succeeds, and the sweeper removes the object later', async t => {
  const { pool, prisma, objects, caller, store, keys } = await openFilesFixture(t)
  const file = await store()
  const away = { ...objects, remove: async () => { throw new Error('away') } }
  t.true(await deleteFile(prisma, away, caller, file.id, silentLog))
  t.is(await findFile(prisma, caller, file.id), null)
  await pool.query("UPDATE file SET deleted_at = now() - interval '61 minutes'")
  await t.throwsAsync(sweepFiles(pool, away, 10), { message: 'away' })
  t.deepEqual(await keys(), [file.objectKey])
  t.deepEqual(await sweepFiles(pool, objects, 10), { expired: 0, purged: 1 })
  t.deepEqual(await keys(), [])
})

test('expired files are swept with their objects, a bounded number at a time, by several sweepers at once', async t => {
  const { pool, objects, store, keys } = await openFilesFixture(t)
  const kept = await store({ expiresInSeconds: 3_600 })
  for (let at = 0; at < 7; at++) await store()
  await pool.query('UPDATE file SET expires_at = now() WHERE id <> $1', [kept.id])
  t.is((await sweepFiles(pool, objects, 3)).expired, 3)
  const swept = await Promise.all([sweepFiles(pool, objects, 10), sweepFiles(pool, objects, 10)])
  t.is(swept.reduce((sum, { expired }) => sum + expired, 0), 4)
  t.deepEqual(await keys(), [kept.objectKey])
})

test('the input of an unfinished batch keeps its object when it is deleted or expires, until the batch has ended', async t => {
  const { pool, prisma, objects, caller, store, keys } = await openFilesFixture(t)
  const [deleted, expired] = [await store(), await store()]
  for (const { id } of [deleted, expired]) await insertTestBatch(pool, caller, { inputFileId: id })
  t.true(await deleteFile(prisma, objects, caller, deleted.id, silentLog))
  await pool.query('UPDATE file SET expires_at = now() WHERE id = $1', [expired.id])
  t.is((await sweepFiles(pool, objects, 10)).expired, 1)
  await pool.query("UPDATE file SET deleted_at = now() - interval '1 day'")
  t.is((await sweepFiles(pool, objects, 10)).purged, 0)
  t.deepEqual((await keys()).toSorted(), [deleted.objectKey, expired.objectKey].toSorted())

  await pool.query("UPDATE job SET state = 'succeeded'")
  t.is((await sweepFiles(pool, objects, 10)).purged, 2)
  t.deepEqual(await keys(), [])
})
