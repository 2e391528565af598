import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../local/engines/ports.ts'
import { answerOf, startChild } from './support/child.ts'
import { readOptions } from './support/options.ts'
import { cpuSeconds, watchMemory } from './support/process-usage.ts'
import { formatReport, percentile, whole, type Line } from './support/report.ts'
import { pidOf, runBench, type Bench } from './support/stack.ts'
import { startReceiver, type Receiver } from './support/webhook-receiver.ts'
import { openWebhookBench, type Subscriber, type WebhookBench } from './support/webhook-stack.ts'

// How soon a receiver hears of an event, how many deliveries a second one worker makes, and what bad receivers cost the good ones.
const options = readOptions({ idle: 30, deliveries: 20_000, 'per-endpoint': 200, good: 35, hang: 5, refuse: 5, drip: 5 })
/** ms after which a dispatcher without work has gone to sleep. */
const rest = 2_500
/** Of an endpoint made without saying more. */
const inFlight = 10

await runBench({ inFlight: 16, minutes: 30 }, async bench => {
  const receiver = await startReceiver()
  const webhooks = await openWebhookBench(bench)
  try {
    return formatReport([await idle(webhooks, receiver), ...await sustained(bench, webhooks, receiver), ...await neighbours(bench, webhooks, receiver)].flat())
  } finally {
    receiver.stop()
    await webhooks.stop()
  }
})

async function idle (webhooks: WebhookBench, receiver: Receiver): Promise<Line[]> {
  const subscriber = await webhooks.subscribe('idle', `${receiver.url}/good/idle`)
  const committed = new Map<string, number>()
  for (let number = 1; number <= options.idle; number++) {
    const event = await webhooks.emitOne(subscriber)
    committed.set(event.id, event.committed)
    await receiver.until(['idle'], number, 30)
    await delay(rest)
  }
  const { received } = await receiver.report()
  const delays = [...received.get('idle')!].map(([id, at]) => Math.max(0, at - committed.get(id)!))
  const show = (share: number): string => `${percentile(delays, share)} ms`
  return [
    { measure: `idle: event committed → receiver, ${options.idle} times, p50`, baseline: '', sira: show(0.5), budget: { limit: 150, value: percentile(delays, 0.5) } },
    { measure: 'the same, p95', baseline: '', sira: show(0.95), budget: { limit: 500, value: percentile(delays, 0.95) } }
  ]
}

async function sustained (bench: Bench, webhooks: WebhookBench, receiver: Receiver): Promise<Line[]> {
  const loop = startChild('webhook-loop.ts', [receiver.url, String(inFlight)])
  const cpuBefore = cpuSeconds(loop.pid!)
  loop.send(options.deliveries)
  const [loopSeconds] = await answerOf<[number]>(loop)
  const loopCpu = cpuSeconds(loop.pid!) - cpuBefore
  loop.kill()

  const subscriber = await webhooks.subscribe('fast', `${receiver.url}/good/fast`)
  const worker = pidOf(bench, 'worker')
  const before = { cpu: cpuSeconds(worker), transitions: await webhooks.transitions([subscriber]) }
  await webhooks.emit([subscriber], options.deliveries)
  const { received, repeated } = await receiver.until(['fast'], options.deliveries, 600)
  const times = [...received.get('fast')!.values()]
  const seconds = (Math.max(...times.slice(-1000)) - Math.min(...times.slice(0, 1000))) / 1000
  await delay(rest)
  const transitions = await webhooks.transitions([subscriber]) - before.transitions
  const perDelivery = (cpuSeconds(worker) - before.cpu) / options.deliveries * 1000
  if (repeated > 0) throw new Error(`${repeated} deliveries came twice although nothing failed`)
  return [
    {
      measure: `${whole(options.deliveries)} events to one endpoint, ${inFlight} in flight: deliveries a second`,
      baseline: `${whole(options.deliveries / loopSeconds)} (a loop that only signs and posts)`,
      sira: whole(options.deliveries / seconds),
      budget: { limit: 500, value: options.deliveries / seconds, atLeast: true }
    },
    { measure: 'CPU of the worker a delivery', baseline: `${(loopCpu / options.deliveries * 1000).toFixed(3)} ms`, sira: `${perDelivery.toFixed(3)} ms` },
    { measure: 'Temporal transactions a delivery', baseline: '', sira: (transitions / options.deliveries).toFixed(4), budget: { limit: 0.2, value: transitions / options.deliveries } }
  ]
}

/** The same events for the good endpoints, first alone, then beside bad ones that get as many each. */
async function neighbours (bench: Bench, webhooks: WebhookBench, receiver: Receiver): Promise<Line[]> {
  const worker = pidOf(bench, 'worker')
  const closed = await freePort()
  const named = (kind: string, count: number): string[] => Array.from({ length: count }, (_, number) => `${kind}-${number}`)
  const good = named('good', options.good)
  const bad = [
    ...named('hang', options.hang).map(name => [name, `${receiver.url}/hang/${name}`] as const),
    ...named('drip', options.drip).map(name => [name, `${receiver.url}/drip/${name}`] as const),
    ...named('refuse', options.refuse).map(name => [name, `http://127.0.0.1:${closed}/${name}`] as const)
  ]
  const measure = async (others: ReadonlyArray<readonly [name: string, url: string]>): Promise<{ seconds: number, memory: number }> => {
    await receiver.forget()
    const subscribers: Subscriber[] = []
    for (const name of good) subscribers.push(await webhooks.subscribe(name, `${receiver.url}/good/${name}`))
    for (const [name, url] of others) subscribers.push(await webhooks.subscribe(name, url))
    const memory = watchMemory(worker)
    const started = Date.now()
    await webhooks.emit(subscribers, options['per-endpoint'])
    const { received } = await receiver.until(good, options['per-endpoint'], 900)
    const last = Math.max(...good.map(name => Math.max(...received.get(name)!.values())))
    const peak = memory.end()
    await webhooks.remove(subscribers)
    await delay(rest)
    return { seconds: (last - started) / 1000, memory: peak }
  }
  const alone = await measure([])
  const beside = await measure(bad)
  const megabytes = (bytes: number): string => `${whole(bytes / 1024 / 1024)} MB`
  const total = (good.length + bad.length) * options['per-endpoint']
  return [
    {
      measure: `${whole(total)} events to ${good.length + bad.length} endpoints of which ${options.hang} hang, ${options.drip} drip, ${options.refuse} refuse: until the good ones have all`,
      baseline: `${alone.seconds.toFixed(1)} s (the ${good.length} good ones alone)`,
      sira: `${beside.seconds.toFixed(1)} s = ${(beside.seconds / alone.seconds).toFixed(2)}×`,
      budget: { limit: 1.5, value: beside.seconds / alone.seconds }
    },
    { measure: 'most worker RSS meanwhile', baseline: megabytes(alone.memory), sira: megabytes(beside.memory) }
  ]
}
