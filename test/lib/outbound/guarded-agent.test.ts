import test from 'ava'
import type { ExecutionContext } from 'ava'
import { createGuardedAgent } from '../../../lib/outbound/guarded-agent.ts'
import type { OutboundPolicy } from '../../../lib/outbound/outbound-policy.ts'
import { strictPolicy } from '../../../lib/outbound/outbound-policy.ts'
import { post } from '../../../lib/outbound/post.ts'
import type { PostOutcome } from '../../../lib/outbound/post.ts'
import { checkTarget } from '../../../lib/outbound/target-url.ts'
import { forbidden, malformed, onPort } from './_corpus.ts'
import { httpAnswer, startReceiver } from './_receiver.ts'

const open: OutboundPolicy = { allowHttp: true, ports: 'any', allowedNetworks: [], denyOwnAddresses: true }
const answerOk = (socket: { write: (text: string) => void }): void => { socket.write(httpAnswer('ok')) }

interface Given { readonly policy?: OutboundPolicy, readonly lookup?: (name: string) => Promise<readonly string[]> }

function poster (t: ExecutionContext, { policy = open, lookup = async () => [] }: Given): (url: string) => Promise<PostOutcome> {
  const agent = createGuardedAgent(policy, { connectTimeout: 5_000, lookup })
  t.teardown(async () => { await agent.destroy() })
  return async url => await post(agent, { url, headers: { 'content-type': 'application/json' }, body: '{"planted":"secret"}', deadline: 10_000, maxResponseBytes: 1024, signal: new AbortController().signal })
}

test('no form of the corpus reaches a server that listens at every address of the machine, not with a single byte', async t => {
  const receiver = await startReceiver(t, '::', answerOk)
  const answers = new Map(forbidden.map(form => [URL.canParse(onPort(form.url, 1)) ? new URL(onPort(form.url, 1)).hostname : '', form.answers ?? []]))
  const send = poster(t, { lookup: async name => answers.get(name) ?? [] })
  let tried = 0
  for (const { url } of forbidden) {
    for (const scheme of ['https:', 'http:']) {
      const outcome = await send(onPort(url, receiver.port).replace('https:', scheme))
      t.like(outcome, { status: null, errorClass: 'ssrf_blocked', address: null, body: '' }, `${scheme} ${url}`)
      tried += 1
    }
  }
  t.true(tried > 150)
  t.is(receiver.connections(), 0)
  t.is(receiver.bytes(), 0)
  // the same server is reached by the same agent where that is allowed, so the silence above means something
  const allowed = await poster(t, { policy: { ...open, allowedNetworks: ['127.0.0.0/8'] } })(`http://127.0.0.1:${receiver.port}/`)
  t.like(allowed, { status: 200, errorClass: null, address: allowed.address })
  t.is(receiver.connections(), 1)
})

test('texts that are no plain URL reach nothing either', async t => {
  const receiver = await startReceiver(t, '::', answerOk)
  const send = poster(t, { lookup: async () => ['127.0.0.1'] })
  for (const url of malformed) {
    const outcome = await send(onPort(url, receiver.port)).then(({ errorClass }) => errorClass, (error: unknown) => error instanceof TypeError ? 'refused' : error)
    t.true(outcome === 'refused' || outcome === 'ssrf_blocked', `${JSON.stringify(url)} ${String(outcome)}`)
  }
  t.is(receiver.connections(), 0)
})

test('scheme and port are judged again when a connection is opened', async t => {
  const receiver = await startReceiver(t, '127.0.0.1', answerOk)
  const networks = { allowedNetworks: ['127.0.0.0/8'] }
  for (const policy of [{ ...strictPolicy, ...networks }, { ...open, ...networks, ports: [443] }, { ...open, ...networks, allowHttp: false }]) {
    t.is((await poster(t, { policy })(`http://127.0.0.1:${receiver.port}/`)).errorClass, 'ssrf_blocked')
  }
  t.is((await poster(t, { policy: { ...open, ...networks, ports: [receiver.port] } })(`http://127.0.0.1:${receiver.port}/`)).status, 200)
  t.is(receiver.connections(), 1)
})

test('a name that is public when saved and private when dialled reaches nothing', async t => {
  const receiver = await startReceiver(t, '127.0.0.1', answerOk)
  const answers = [['93.184.216.34'], ['127.0.0.1']]
  const lookup = async () => answers.shift() ?? []
  const url = `https://rebinding.example.com:${receiver.port}/`
  await t.notThrowsAsync(checkTarget(url, { ...strictPolicy, ports: 'any' }, lookup))
  t.is((await poster(t, { lookup })(url)).errorClass, 'ssrf_blocked')
  t.is(receiver.connections(), 0)
})

test('the address that was judged is the one that is dialled: a second answer has no chance', async t => {
  const secret = await startReceiver(t, '127.0.0.1', answerOk)
  const judged = await startReceiver(t, '127.0.0.2', answerOk, secret.port)
  let asked = 0
  const lookup = async () => asked++ === 0 ? ['127.0.0.2'] : ['127.0.0.1']
  const outcome = await poster(t, { policy: { ...open, allowedNetworks: ['127.0.0.2/32'] }, lookup })(`http://rebinding.example.com:${secret.port}/`)
  t.like(outcome, { status: 200, address: '127.0.0.2' })
  t.is(asked, 1)
  t.deepEqual([judged.connections(), secret.connections()], [1, 0])
})

test('of several good addresses the next is dialled when one refuses', async t => {
  const receiver = await startReceiver(t, '127.0.0.3', answerOk)
  const lookup = async () => ['127.0.0.2', '127.0.0.3']
  const outcome = await poster(t, { policy: { ...open, allowedNetworks: ['127.0.0.0/8'] }, lookup })(`http://two.example.com:${receiver.port}/`)
  t.like(outcome, { status: 200, address: '127.0.0.3' })
})

/** undici gives a connection back in the turn after its answer ended; a request before that opens another. */
const connectionIsFree = async (): Promise<void> => { await new Promise(resolve => setImmediate(() => setImmediate(resolve))) }

test.serial('a connection takes no request after half a minute: a name that has moved is judged anew', async t => {
  const receiver = await startReceiver(t, '127.0.0.2', answerOk)
  let answer = '127.0.0.2'
  const send = poster(t, { policy: { ...open, allowedNetworks: ['127.0.0.2/32'] }, lookup: async () => [answer] })
  const url = `http://moving.example.com:${receiver.port}/`
  t.is((await send(url)).status, 200)
  answer = '127.0.0.1'
  await connectionIsFree()
  t.is((await send(url)).status, 200, 'the connection was judged when it was opened')
  t.is(receiver.connections(), 1)
  await connectionIsFree()
  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => now() + 31_000
  t.is((await send(url)).errorClass, 'ssrf_blocked')
})

test('redirects are answers, not roads', async t => {
  const secret = await startReceiver(t, '127.0.0.1', answerOk)
  const receiver = await startReceiver(t, '127.0.0.2', socket => { socket.write(httpAnswer('', { status: '307 Temporary Redirect', headers: [`location: http://127.0.0.1:${secret.port}/`] })) })
  const outcome = await poster(t, { policy: { ...open, allowedNetworks: ['127.0.0.0/8'] } })(`http://127.0.0.2:${receiver.port}/`)
  t.like(outcome, { status: 307, errorClass: null, headers: { location: `http://127.0.0.1:${secret.port}/` } })
  t.is(secret.connections(), 0)
})
