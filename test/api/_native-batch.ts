import { chatRow } from '../support/api-batch.ts'

export const chat = '/v1/chat/completions'

export const inline = (id: string, prompt = 'hello'): { custom_id: string, body: object } => {
  const { custom_id: customId, body } = chatRow(id, { prompt })
  return { custom_id: customId, body }
}

/** Fields beside the endpoint that cannot be, and the one at fault. */
export const refused: ReadonlyArray<readonly [title: string, fields: object, param: string]> = [
  ['neither a file nor requests', {}, 'input_file_id'],
  ['a file and requests', { input_file_id: 'file-1', requests: [inline('a')] }, 'input_file_id'],
  ['no requests in the list', { requests: [] }, 'requests'],
  ['10,001 inline requests', { requests: Array.from({ length: 10_001 }, (_, index) => ({ custom_id: `r${index}`, body: {} })) }, 'requests'],
  ['a request without body', { requests: [{ custom_id: 'a' }] }, 'requests.0.body'],
  ['a request with a field that is not known', { requests: [{ ...inline('a'), url: chat }] }, 'requests.0.url'],
  ['a field that is not known', { input_file_id: 'file-1', priority: 1 }, 'priority'],
  ['an unknown endpoint', { input_file_id: 'file-1', endpoint: '/v1/nothing' }, 'endpoint'],
  ['a concurrency of none', { input_file_id: 'file-1', concurrency: 0 }, 'concurrency'],
  ['a concurrency as text', { input_file_id: 'file-1', concurrency: '2' }, 'concurrency'],
  ...['', '0h', '24', '1.5h', '-1h', '15d', '1w', '24 h', '999999999h'].map(window => [`the window "${window}"`, { input_file_id: 'file-1', window }, 'window'] as const),
  ...['-1', 'free', '', '0.0000000000001', 'NaN', 'Infinity', -0.5, true].map(budget => [`the budget ${JSON.stringify(budget)}`, { input_file_id: 'file-1', budget_usd: budget }, 'budget_usd'] as const),
  ['metadata of 17 pairs', { input_file_id: 'file-1', metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v'])) }, 'metadata'],
  ['metadata that is no text', { input_file_id: 'file-1', metadata: { a: 1 } }, 'metadata.a'],
  ['files that expire at once', { input_file_id: 'file-1', output_expires_after: { anchor: 'created_at', seconds: 1 } }, 'output_expires_after.seconds']
]
