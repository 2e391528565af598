import { createHmac, randomBytes } from 'node:crypto'
import { Pool } from 'undici'

/*
 * What a delivery is compared with: the fastest program that signs and posts as many small bodies and keeps nothing.
 * Arguments: origin, requests in flight. Asked for a number of posts, it answers with the seconds they took.
 */
const [origin = '', inFlight = ''] = process.argv.slice(2)
const pool = new Pool(origin, { connections: Number(inFlight), pipelining: 1 })
const secret = randomBytes(32)

async function run (count: number): Promise<number> {
  const started = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const id = `evt_loop_${started}_${next++}`
      const time = Math.floor(Date.now() / 1000)
      const body = JSON.stringify({ id, object: 'event', type: 'batch.completed', created_at: time, data: { id: 'batch_0123456789abcdef0123456789abcdef' } })
      const signature = createHmac('sha256', secret).update(`${id}.${time}.${body}`).digest('base64')
      const answer = await pool.request({
        path: '/good/loop', method: 'POST', body, headers: { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(time), 'webhook-signature': `v1,${signature}` }
      })
      await answer.body.dump()
    }
  }
  await Promise.all(Array.from({ length: Number(inFlight) }, lane))
  return (performance.now() - started) / 1000
}

process.once('disconnect', () => process.exit())
process.on('message', count => {
  run(count as number).then(seconds => process.send?.(seconds), error => {
    console.error(error)
    process.exit(1)
  })
})
