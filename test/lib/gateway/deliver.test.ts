import test from 'ava'
import { SiraError } from '../../../lib/errors.ts'
import { createDeploymentHealth } from '../../../lib/gateway/deployment-health.ts'
import { deliver, DeliveryFailure, type DeliveryRequest } from '../../../lib/gateway/deliver.ts'
import type { DeliveryPolicy, ModelConfig, ProviderConfig } from '../../../lib/providers/catalog-types.ts'
import { ProviderFailure, type FailureCode, type Provider, type StreamEvent } from '../../../lib/providers/types.ts'

/** What a deployment does when it is called: its answer's body, or how it fails. The last entry repeats. */
type Script = ReadonlyArray<string | FailureCode | { readonly code: FailureCode, readonly retryAfter?: number, readonly body?: string } | { readonly cutAfter: string } | Long>
/** A stream that has begun and goes on until it is let go. */
interface Long { readonly first: string, readonly end: Promise<unknown> }
const policy: DeliveryPolicy = { timeout: 5_000, idleTimeout: 1_000, maxAttempts: 4, retryAfterTimeout: false, fallbacks: [], contextFallbacks: [], contentFallbacks: [], unsupported: 'refuse' }

const failure = (code: FailureCode, retryAfter: number | null = null, body: string | null = null): ProviderFailure => {
  const refused: FailureCode[] = ['invalid_request', 'unprocessable', 'context_length', 'content_filter', 'authentication', 'permission', 'not_found', 'quota_exceeded']
  return new ProviderFailure(`it is ${code}`, { class: { code, retryable: !refused.includes(code), throttled: false, retryAfter }, body })
}

/** Models by id, each a list of its deployments' scripts, in the order of their priority. */
function world (models: Readonly<Record<string, { scripts: readonly Script[], policy?: Partial<DeliveryPolicy> }>>) {
  const calls: string[] = []
  const scripts = new Map<string, Script>()
  const providers = new Map<string, ProviderConfig>()
  const configs = new Map<string, ModelConfig>()
  for (const [id, { scripts: list, policy: own }] of Object.entries(models)) {
    const deployments = list.map((script, place) => {
      const name = `${id}${place}`
      scripts.set(name, script)
      providers.set(name, { name } as ProviderConfig)
      return { id: name, provider: name, upstream: id, weight: 1, priority: place, prices: {} }
    })
    configs.set(id, { id, deployments, policy: { ...policy, ...own } } as unknown as ModelConfig)
  }
  const next = (name: string): Script[number] => {
    calls.push(name)
    const script = scripts.get(name)!
    return script[Math.min(calls.filter(call => call === name).length, script.length) - 1]!
  }
  const act = async (name: string, send: (text: string) => void): Promise<{ body: string }> => {
    const step = next(name)
    if (typeof step === 'object' && 'first' in step) {
      send(step.first)
      await step.end
      return { body: step.first }
    }
    if (typeof step === 'object' && 'cutAfter' in step) {
      send(step.cutAfter)
      throw failure('answer_cut')
    }
    if (typeof step === 'object') throw failure(step.code, step.retryAfter, step.body)
    if (!step.startsWith('answer:')) throw failure(step as FailureCode)
    send(step)
    return { body: step }
  }
  const provider = (name: string): Provider => ({
    name,
    endpoints: new Set(['/v1/chat/completions']),
    call: async () => ({ statusCode: 200, requestId: null, usage: null, ...await act(name, () => {}) }),
    stream: async ({ sink }) => {
      await act(name, text => { sink.events([{ name: null, data: text }], () => {}) })
      return { requestId: null, usage: null, usageEvent: null }
    },
    close: async () => {}
  })
  const health = createDeploymentHealth()
  const run = async (id: string, changes: Partial<DeliveryRequest> = {}) => await deliver({
    catalog: { providers, models: configs }, health, providers: { get: provider }, random: () => 0
  }, {
    id: 'req_1', model: configs.get(id)!, allows: () => true, prepare: () => ({ endpoint: '/v1/chat/completions', body: '{}' }), signal: new AbortController().signal,
    deadline: performance.now() + 5_000, maxAnswerBytes: 1_000, sink: null, ...changes
  })
  return { run, calls, health, providers }
}

test('a request that the first deployment cannot serve goes to the next, and says how often it was tried', async t => {
  for (const code of ['server_error', 'overloaded', 'connection_failed', 'connection_reset', 'rate_limited', 'authentication', 'quota_exceeded', 'not_found', 'answer_cut'] as const) {
    const { run, calls } = world({ m: { scripts: [[code], ['answer:b']] } })
    const { target, attempts } = await run('m')
    t.is(target.deployment.id, 'm1', code)
    t.is(attempts, 2)
    t.deepEqual(calls, ['m0', 'm1'])
  }
})

test('a request that is at fault itself is not tried elsewhere', async t => {
  const { run, calls } = world({ m: { scripts: [['invalid_request'], ['answer:b']], policy: { fallbacks: ['other'] } }, other: { scripts: [['answer:o']] } })
  const error = await t.throwsAsync(async () => await run('m'), { instanceOf: DeliveryFailure })
  t.is(error.failure.class.code, 'invalid_request')
  t.deepEqual(calls, ['m0'])
})

test('a call that timed out is not paid for a second time unless the policy allows it', async t => {
  const strict = world({ m: { scripts: [['timeout'], ['answer:b']], policy: { fallbacks: ['other'] } }, other: { scripts: [['answer:o']] } })
  await t.throwsAsync(async () => await strict.run('m'), { instanceOf: DeliveryFailure })
  t.deepEqual(strict.calls, ['m0'])
  const lenient = world({ m: { scripts: [['timeout'], ['answer:b']], policy: { retryAfterTimeout: true } } })
  t.is((await lenient.run('m')).target.deployment.id, 'm1')
})

test('the only deployment is tried again after the pause it asks for, within the deadline', async t => {
  const { run, calls } = world({ m: { scripts: [[{ code: 'rate_limited', retryAfter: 60 }, 'answer:a']] } })
  const startedAt = performance.now()
  const { attempts } = await run('m')
  t.is(attempts, 2)
  t.true(performance.now() - startedAt >= 60)
  t.deepEqual(calls, ['m0', 'm0'])
})

test('a pause longer than the client waits ends the delivery at once', async t => {
  const { run, calls } = world({ m: { scripts: [[{ code: 'rate_limited', retryAfter: 60_000 }]] } })
  const startedAt = performance.now()
  const error = await t.throwsAsync(async () => await run('m'), { instanceOf: DeliveryFailure })
  t.is(error.failure.class.retryAfter, 60_000)
  t.true(performance.now() - startedAt < 1_000)
  t.deepEqual(calls, ['m0'])
})

test('attempts are bounded over all deployments and fallbacks together', async t => {
  const scripts: Script[] = [['server_error'], ['server_error'], ['server_error']]
  const { run, calls } = world({ m: { scripts, policy: { fallbacks: ['other'] } }, other: { scripts } })
  const error = await t.throwsAsync(async () => await run('m'), { instanceOf: DeliveryFailure })
  t.is(error.attempts, 4)
  t.is(calls.length, 4)
})

test('fallback models are for what they are named: failures, long prompts, refused content', async t => {
  const models = (code: FailureCode) => world({
    m: { scripts: [[code]], policy: { fallbacks: ['spare'], contextFallbacks: ['long'], contentFallbacks: ['lenient'], maxAttempts: 2 } },
    spare: { scripts: [['answer:s']] }, long: { scripts: [['answer:l']] }, lenient: { scripts: [['answer:c']] }
  })
  t.is((await models('quota_exceeded').run('m')).target.model.id, 'spare')
  t.is((await models('context_length').run('m')).target.model.id, 'long')
  t.is((await models('content_filter').run('m')).target.model.id, 'lenient')
})

test('a fallback that the key may not use is not used', async t => {
  const { run, calls } = world({ m: { scripts: [['quota_exceeded']], policy: { fallbacks: ['spare'] } }, spare: { scripts: [['answer:s']] } })
  await t.throwsAsync(async () => await run('m', { allows: id => id === 'm' }), { instanceOf: DeliveryFailure })
  t.deepEqual(calls, ['m0'])
})

test('nothing is tried again once events have gone to the client', async t => {
  const { run, calls } = world({ m: { scripts: [[{ cutAfter: 'half' }], ['answer:b']] } })
  const seen: StreamEvent[] = []
  const sink: DeliveryRequest['sink'] = (_target, events) => {
    seen.push(...events)
    return true
  }
  const error = await t.throwsAsync(async () => await run('m', { sink }), { instanceOf: DeliveryFailure })
  t.true(error.begun)
  t.deepEqual(seen.map(event => event.data), ['half'])
  t.deepEqual(calls, ['m0'])
})

test('a deployment that cannot do what is asked is passed over without a call', async t => {
  const { run, calls } = world({ m: { scripts: [['answer:a'], ['answer:b']] } })
  const unfit = new SiraError('unsupported_parameter', { model: 'm', param: 'n', reason: 'no.' })
  const prepare: DeliveryRequest['prepare'] = ({ deployment }) => {
    if (deployment.id === 'm0') throw unfit
    return { endpoint: '/v1/chat/completions', body: '{}' }
  }
  const { target, attempts } = await run('m', { prepare })
  t.is(target.deployment.id, 'm1')
  t.is(attempts, 1)
  t.deepEqual(calls, ['m1'])
  t.is(await t.throwsAsync(async () => await run('m', { prepare: () => { throw unfit } })), unfit)
})

test('a deployment that failed five times in a row is left alone, and the request says so when it is the only one', async t => {
  const { run, calls, health } = world({ m: { scripts: [['server_error']], policy: { maxAttempts: 1 } } })
  for (let time = 0; time < 5; time++) await t.throwsAsync(async () => await run('m'))
  t.is(calls.length, 5)
  const error = await t.throwsAsync(async () => await run('m'), { instanceOf: DeliveryFailure })
  t.is(error.failure.class.code, 'overloaded')
  t.is(error.attempts, 0)
  t.is(calls.length, 5)
  t.is(health.read('m0', performance.now()).inFlight, 0)
})

test('a 403 about what one request says does not open the circuit for others, one about the account does', async t => {
  const { run, health } = world({
    moderated: { scripts: [[{ code: 'permission', body: '{"error":{"code":403,"message":"flagged"}}' }]] },
    plain: { scripts: [['permission']] },
    refused: { scripts: [[{ code: 'permission', body: '{"error":{"type":"permission_error","message":"no"}}' }]] }
  })
  for (const id of ['moderated', 'plain', 'refused']) {
    for (let time = 0; time < 8; time++) await t.throwsAsync(async () => await run(id), { instanceOf: DeliveryFailure })
    t.is(health.read(`${id}0`, performance.now()).admitted, id !== 'refused', id)
  }
})

test('a 403 about a request is none of the failures in a row that open a circuit, and does not end the row', async t => {
  const { run, calls, health } = world({ m: { scripts: [['server_error', 'server_error', 'server_error', 'server_error', 'permission', 'server_error']], policy: { maxAttempts: 1 } } })
  for (let time = 0; time < 6; time++) await t.throwsAsync(async () => await run('m'), { instanceOf: DeliveryFailure })
  t.is(calls.length, 6)
  t.false(health.read('m0', performance.now()).admitted)
})

test('a client that leaves ends the delivery and says nothing about the deployment', async t => {
  const { run, health } = world({ m: { scripts: [['aborted']] } })
  for (let time = 0; time < 8; time++) t.is((await t.throwsAsync(async () => await run('m'), { instanceOf: DeliveryFailure })).attempts, 1)
  t.true(health.read('m0', performance.now()).admitted)
})

test('a request whose provider was taken out of the catalog while it waited is told that the model is gone', async t => {
  const { run, providers } = world({ m: { scripts: [['answer:a']] } })
  providers.delete('m0')
  const error = await t.throwsAsync(async () => await run('m'), { instanceOf: SiraError })
  t.is(error.code, 'model_not_found')
})

test('while the stream that tries a failed deployment goes on, others are served', async t => {
  let letGo = (): void => {}
  const end = new Promise<void>(resolve => { letGo = resolve })
  const rest = { code: 'rate_limited', retryAfter: 30 } as const
  const { run, calls, health } = world({ m: { scripts: [[rest, { first: 'long', end }, 'answer:a']], policy: { maxAttempts: 1 } } })
  const sink: DeliveryRequest['sink'] = () => true
  await t.throwsAsync(async () => await run('m', { sink }))
  while (!health.read('m0', performance.now()).admitted) await new Promise(resolve => setTimeout(resolve, 5))
  const long = run('m', { sink })
  t.is(calls.length, 2)
  t.is((await run('m', { sink })).attempts, 1)
  letGo()
  t.is((await long).attempts, 1)
})

test('a client that waits less long than the model may take does not open a circuit for others by it', async t => {
  const { run, health } = world({ m: { scripts: [['timeout']] } })
  const admitted = (): boolean => health.read('m0', performance.now()).admitted
  for (let time = 0; time < 8; time++) await t.throwsAsync(async () => await run('m', { deadline: performance.now() + 50 }), { instanceOf: DeliveryFailure })
  t.true(admitted())
  for (let time = 0; time < 5; time++) await t.throwsAsync(async () => await run('m', { deadline: performance.now() + 5_000 }), { instanceOf: DeliveryFailure })
  t.false(admitted(), 'with the time that the model has, the deployment is at fault')
})

test('a client that leaves during a pause, or before the first call, ends no call', async t => {
  const { run, calls } = world({ m: { scripts: [[{ code: 'rate_limited', retryAfter: 4_000 }]] } })
  const leaving = new AbortController()
  const waiting = run('m', { signal: leaving.signal, deadline: performance.now() + 60_000 })
  t.is(calls.length, 1)
  setTimeout(() => { leaving.abort() }, 20)
  const error = await t.throwsAsync(waiting, { instanceOf: DeliveryFailure })
  t.is(error.failure.class.code, 'aborted')
  t.is(error.attempts, 1)
  t.false(error.failure.sent)
  t.is(calls.length, 1)
  const before = await t.throwsAsync(async () => await run('m', { signal: leaving.signal }), { instanceOf: DeliveryFailure })
  t.deepEqual([before.attempts, before.failure.sent], [0, false])
})
