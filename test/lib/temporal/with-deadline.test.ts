import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Client, Connection } from '@temporalio/client'
import { withDeadline } from '../../../lib/temporal/with-deadline.ts'

// lazy: nothing is called, so nothing connects
const connection = Connection.lazy({ address: '127.0.0.1:1' })
const client = new Client({ connection })
const storage = connection.callContextStorage

test('a deadline for Temporal holds while its work runs, beside others, and follows no promise afterwards', async t => {
  let release = (): void => {}
  const released = new Promise<void>(resolve => { release = resolve })
  const deadlines: Array<number | Date | undefined> = []
  const before = Date.now()
  const long = withDeadline(client, 60_000, async () => {
    await released
    deadlines.push(storage.getStore()?.deadline)
    return 'long'
  })
  t.is(await withDeadline(client, 1_000, async () => {
    await sleep(1)
    deadlines.push(storage.getStore()?.deadline)
    return 'short'
  }), 'short')
  release()
  t.is(await long, 'long')
  t.true(Number(deadlines[0]) >= before + 1_000 && Number(deadlines[0]) < before + 60_000)
  t.true(Number(deadlines[1]) >= before + 60_000)
  t.false((storage as unknown as { enabled: boolean }).enabled, 'an AsyncLocalStorage that is on hooks into every promise of the process')
  await t.throwsAsync(withDeadline(client, 1_000, async () => { throw new Error('refused') }), { message: 'refused' })
  t.false((storage as unknown as { enabled: boolean }).enabled)
})
