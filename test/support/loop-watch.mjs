// Loaded into a process (--import) to tell how long its event loop was held up: GET on the socket of LOOP_WATCH_SOCKET gives the
// longest hold since the last time, in ms: `cpu`, of the loop's thread at work, which no other program on the machine makes longer,
// and `wall`, which has that in it as well.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { isMainThread } from 'node:worker_threads'

const socket = process.env.LOOP_WATCH_SOCKET
/** Longest time between two looks; what is shorter is not told apart. */
const every = 2

if (isMainThread && socket !== undefined && /\bapi.server\.(ts|js)$/.test(process.argv[1] ?? '')) {
  const account = '/proc/thread-self/schedstat' // Linux: ns that this thread has run
  const cpuNow = existsSync(account) ? () => Number(readFileSync(account, 'latin1').split(' ', 1)[0]) / 1e6 : () => performance.now()
  let last = { cpu: cpuNow(), wall: performance.now() }
  let most = { cpu: 0, wall: 0 }
  setInterval(() => {
    const now = { cpu: cpuNow(), wall: performance.now() }
    most = { cpu: Math.max(most.cpu, now.cpu - last.cpu), wall: Math.max(most.wall, now.wall - last.wall - every) }
    last = now
  }, every).unref()
  rmSync(socket, { force: true })
  createServer((_request, reply) => {
    reply.end(JSON.stringify({ ...most, rss: process.memoryUsage.rss() }))
    most = { cpu: 0, wall: 0 }
  }).listen(socket).unref()
}
