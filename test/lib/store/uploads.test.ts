import { Readable } from 'node:stream'
import test from 'ava'
import { newId } from '../../../lib/ids.ts'
import { sweepUploads } from '../../../lib/store/sweep-uploads.ts'
import { addPart, createUpload, getUpload, partObjectKey } from '../../../lib/store/uploads.ts'
import { openFilesFixture } from './_files-fixture.ts'
import type { FilesFixture } from './_files-fixture.ts'

async function storeUpload ({ pool, objects, caller }: FilesFixture): Promise<{ id: string, objectKey: string }> {
  const upload = await createUpload(pool, caller, { filename: 'a', purpose: 'batch', bytes: 1, mimeType: 'text/plain', fileExpiresInSeconds: null })
  const id = newId('part')
  const objectKey = partObjectKey(caller, id)
  await objects.put(objectKey, Readable.from([Buffer.from('x')]), 'text/plain')
  await addPart(pool, caller, upload.id, { id, bytes: 1, objectKey })
  return { id: upload.id, objectKey }
}

test('the sweeper closes uploads well past their hour and removes the parts of every upload that has ended', async t => {
  const fixture = await openFilesFixture(t)
  const { pool, objects, caller, keys } = fixture
  const [pending, completing, expired, cancelled] = [await storeUpload(fixture), await storeUpload(fixture), await storeUpload(fixture), await storeUpload(fixture)]
  await pool.query("UPDATE upload SET expires_at = now() - interval '14 minutes' WHERE id = $1", [completing.id])
  await pool.query("UPDATE upload SET expires_at = now() - interval '16 minutes' WHERE id = $1", [expired.id])
  await pool.query("UPDATE upload SET status = 'cancelled' WHERE id = $1", [cancelled.id])
  t.deepEqual(await sweepUploads(pool, objects, 10), { expired: 1, parts: 2 })
  t.deepEqual((await keys()).toSorted(), [pending.objectKey, completing.objectKey].toSorted())
  t.is((await getUpload(pool, caller, expired.id)).status, 'expired')
  t.is((await getUpload(pool, caller, pending.id)).status, 'pending')
  t.deepEqual(await sweepUploads(pool, objects, 10), { expired: 0, parts: 0 })
})

test('parts removed by the sweeper are bounded, and a failure leaves the rest for the next time', async t => {
  const fixture = await openFilesFixture(t)
  const { pool, objects, keys } = fixture
  for (let at = 0; at < 3; at++) await storeUpload(fixture)
  await pool.query("UPDATE upload SET status = 'cancelled'")
  await t.throwsAsync(sweepUploads(pool, { ...objects, remove: async () => { throw new Error('away') } }, 10), { message: 'away' })
  t.is((await sweepUploads(pool, objects, 2)).parts, 2)
  t.is((await keys()).length, 1)
  t.is((await sweepUploads(pool, objects, 2)).parts, 1)
  t.deepEqual(await keys(), [])
})
