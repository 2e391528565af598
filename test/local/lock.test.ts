import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { takeLock, waitForLock } from '../../local/lock.ts'
import { startTime } from '../../local/processes.ts'
import { temporaryFolder } from './_temporary.ts'

test('a lock has one holder, and can be taken again after it was given back', t => {
  const path = join(temporaryFolder(t), 'lock')
  const first = takeLock(path)
  t.true('unlock' in first)
  t.is(statSync(path).mode & 0o077, 0)
  t.deepEqual(takeLock(path), { holder: process.pid })
  if ('unlock' in first) first.unlock()
  t.false(existsSync(path))
  t.true('unlock' in takeLock(path))
})

test('the lock of a process that has died is taken over, also when its pid is another process’s by now', t => {
  const path = join(temporaryFolder(t), 'lock')
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, started: 'long ago' }))
  t.true('unlock' in takeLock(path))
  writeFileSync(path, JSON.stringify({ pid: process.pid, started: `not ${startTime(process.pid)}` }))
  t.true('unlock' in takeLock(path))
})

test('who waits for a lock is told once and gets it when it is given back', async t => {
  const path = join(temporaryFolder(t), 'lock')
  const first = takeLock(path)
  let told = 0
  const second = waitForLock(path, () => { told += 1 })
  if ('unlock' in first) setTimeout(first.unlock, 400)
  const unlock = await second
  t.is(told, 1)
  unlock()
  t.false(existsSync(path))
})
