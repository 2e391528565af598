import { setTimeout as sleep } from 'node:timers/promises'
import type { Product } from '../../support/product.ts'
import type { ChatUsage } from './prices.ts'

/** What a client saw of one chat request. */
export interface Chatted {
  /** x-request-id; null = the connection failed before there was an answer. */
  readonly id: string | null
  readonly status: number | null
  /** The whole body came, or the stream's [DONE]. */
  readonly complete: boolean
  readonly code: string | null
  readonly usage: ChatUsage | null
  /** x-sira-cost, of the header or the closing comment. */
  readonly cost: string | null
  readonly headers: Headers
  readonly text: string
}

/** pico-USD per token of sim-fast, not discounted: USD per million tokens of test/support/product.ts times a million. */
const price = { input: 150_000n, cached: 75_000n, output: 600_000n }

export function costOf (usage: ChatUsage): bigint {
  const cached = BigInt(usage.prompt_tokens_details?.cached_tokens ?? 0)
  return (BigInt(usage.prompt_tokens) - cached) * price.input + cached * price.cached + BigInt(usage.completion_tokens) * price.output
}

/** One chat request, made once. Never rejects: a connection that breaks is what these tests make. */
export async function chat (apiUrl: string, key: string, options: { stream?: boolean, content?: string, model?: string, signal?: AbortSignal, body?: object } = {}): Promise<Chatted> {
  const { stream = false, content = 'Say hello', model = 'sim-fast', signal = AbortSignal.timeout(30_000) } = options
  const body = { model, messages: [{ role: 'user', content }], ...(stream ? { stream, stream_options: { include_usage: true } } : {}), ...options.body }
  let response: Response | null = null
  let text = ''
  let ended = false
  try {
    response = await fetch(`${apiUrl}/v1/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify(body), signal
    })
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) text += decoder.decode(bytes, { stream: true })
    ended = true
  } catch { /* `complete` says so */ }
  const headers = response?.headers ?? new Headers()
  const complete = stream && response?.ok === true ? text.endsWith('data: [DONE]\n\n') : ended
  const seen = { id: headers.get('x-request-id'), status: response?.status ?? null, complete, headers, text }
  if (!complete) return { ...seen, code: null, usage: null, cost: null }
  if (response?.ok !== true) return { ...seen, code: (JSON.parse(text) as { error: { code: string } }).error.code, usage: null, cost: null }
  const usage = stream ? /"usage":(\{"prompt_tokens".*\})\}\n/.exec(text)?.[1] : undefined
  return {
    ...seen,
    code: null,
    usage: stream ? usage === undefined ? null : JSON.parse(usage) as ChatUsage : (JSON.parse(text) as { usage: ChatUsage }).usage,
    cost: stream ? /^: x-sira-cost (\S+)$/m.exec(text)?.[1] ?? null : headers.get('x-sira-cost')
  }
}

/** Asks until it is so. Throws, with what was seen last, when it is not within `most` ms. */
export async function until<Value> (what: string, most: number, look: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  const end = performance.now() + most
  for (;;) {
    const value = await look()
    if (holds(value)) return value
    if (performance.now() > end) throw new Error(`not within ${most} ms: ${what}; last seen ${JSON.stringify(value)?.slice(0, 2000)}`)
    await sleep(25)
  }
}

export interface UsageRow {
  readonly id: string
  readonly key_id: string
  readonly model: string
  readonly status: number
  readonly error_code: string | null
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cost: string | null
  readonly flags: number
  readonly created_at: Date
}

export async function readUsage ({ pool }: Pick<Product, 'pool'>): Promise<UsageRow[]> {
  return (await pool.query<UsageRow>('SELECT id, key_id, model, status, error_code, input_tokens, output_tokens, cost::text, flags, created_at FROM usage ORDER BY created_at, id')).rows
}

/** Waits until every request that was answered is in the table, and returns all rows. */
export async function usageOf (product: Pick<Product, 'pool'>, answered: readonly Chatted[], most = 15_000): Promise<UsageRow[]> {
  const ids = answered.map(({ id }) => id)
  await until('usage of every answered request', most,
    async () => (await product.pool.query<{ count: number }>('SELECT count(DISTINCT id)::int AS count FROM usage WHERE id = ANY ($1)', [ids])).rows[0]!.count,
    count => count >= ids.length)
  return await readUsage(product)
}

/** What is wrong with the books, in words; none = each answered request is there once, with the tokens and the price the client was told. */
export function judgeUsage (rows: readonly UsageRow[], answered: readonly Chatted[]): string[] {
  const faults: string[] = []
  const byId = new Map<string, UsageRow>()
  for (const row of rows) {
    if (byId.has(row.id)) faults.push(`${row.id} is there twice`)
    byId.set(row.id, row)
  }
  for (const { id, usage } of answered) {
    const row = byId.get(id!)
    if (row === undefined) faults.push(`${id} is missing`)
    else if (usage === null) faults.push(`${id} was answered without usage`)
    else if (row.input_tokens !== usage.prompt_tokens || row.output_tokens !== usage.completion_tokens) faults.push(`${id} has other tokens than its answer`)
    else if (row.status !== 200 || row.cost !== costOf(usage).toString()) faults.push(`${id} has status ${row.status} and cost ${row.cost}, not ${costOf(usage)}`)
  }
  return faults
}

export const sumCost = (rows: readonly UsageRow[]): bigint => rows.reduce((sum, row) => sum + BigInt(row.cost ?? 0), 0n)

/** What the books of a budget say, over all its periods. */
export async function spentOf ({ pool }: Pick<Product, 'pool'>, budgetId: string): Promise<bigint> {
  const { rows } = await pool.query<{ spent: string }>('SELECT coalesce(sum(spent), 0)::text AS spent FROM budget_period WHERE budget_id = $1', [budgetId])
  return BigInt(rows[0]!.spent)
}

/** A request to the admin API with the stack's admin key. Throws unless it succeeds. */
export async function administer<Answer = { id: string }> ({ stack }: Pick<Product, 'stack'>, method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${stack.apiUrl}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${stack.adminKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000)
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return (text === '' ? {} : JSON.parse(text)) as Answer
}

/** A key of the first organization, with a budget (USD) or limits of its own; all processes know of them when this resolves. */
export async function createKey (product: Product, { budget, limits }: { budget?: string, limits?: object } = {}): Promise<{ id: string, key: string, budgetId: string }> {
  const { id, key } = await administer<{ id: string, key: string }>(product, 'POST', '/keys', { name: 'test' })
  const subject = { kind: 'key', subject_id: id }
  if (limits !== undefined) await administer(product, 'POST', '/limits', { ...subject, ...limits })
  const { id: budgetId } = budget === undefined ? { id: '' } : await administer(product, 'POST', '/budgets', { ...subject, period: 'total', amount: budget })
  const { rows } = await product.pool.query<{ version: string }>('SELECT version FROM control_version')
  await Promise.all(product.stack.apiUrls.map(async url => {
    const versionAt = async (): Promise<number> => Number((await chat(url, product.stack.apiKey)).headers.get('x-sira-config-version'))
    await until(`what was changed is known at ${url}`, 5_000, versionAt, version => version >= Number(rows[0]!.version))
  }))
  return { id, key, budgetId }
}
