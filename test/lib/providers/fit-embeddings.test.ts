import test from 'ava'
import { SiraError } from '../../../lib/errors.ts'
import { fitTo } from '../../../lib/gateway/prepare.ts'
import type { Target } from '../../../lib/gateway/deliver.ts'
import type { GatewayRequest } from '../../../lib/contracts/gateway.ts'
import type { Provider } from '../../../lib/providers/types.ts'
import { fitEmbeddings } from '../../../lib/providers/parameters/index.ts'
import { vendors, type VendorKind } from '../../../lib/providers/vendors.ts'

/* Written by hand from the vendors' references: s sent as it is · r renamed · i left out without a word · x unsupported */
const matrix: Readonly<Partial<Record<VendorKind, readonly [dimensions: string, encodingFormat: string, user: string]>>> = {
  openai: ['s', 's', 's'],
  azure: ['s', 's', 's'],
  vllm: ['s', 's', 's'],
  ollama: ['s', 's', 'i'],
  together: ['x', 's', 'i'],
  mistral: ['r', 's', 'i'],
  openrouter: ['s', 's', 's'],
  gemini: ['s', 's', 'i']
}
const base = { model: 'public', input: 'Hi' }
const samples = [['dimensions', 256], ['encoding_format', 'base64'], ['user', 'someone']] as const

test('the matrix of embeddings has every kind of provider that has embeddings', t => {
  t.deepEqual(Object.keys(matrix).sort(), Object.entries(vendors).filter(([, { endpoints }]) => (endpoints as readonly string[]).includes('/v1/embeddings')).map(([kind]) => kind).sort())
})

for (const [kind, cells] of Object.entries(matrix) as Array<[VendorKind, readonly string[]]>) {
  test(`embeddings of ${kind} take the parameters that its row says`, t => {
    for (const [place, [name, value]] of samples.entries()) {
      const body = { ...base, [name]: value }
      const cell = cells[place]!
      if (cell === 'x') {
        t.like(t.throws(() => fitEmbeddings(kind, body, 'refuse'), { instanceOf: SiraError }), { code: 'unsupported_parameter', param: name })
        t.deepEqual(fitEmbeddings(kind, body, 'drop'), { body: base, dropped: [name] })
      } else {
        const fitted = fitEmbeddings(kind, body, 'refuse')
        t.deepEqual(fitted.dropped, [])
        if (cell === 's') t.is<object, object>(fitted.body, body)
        else t.deepEqual<object, object>(fitted.body, cell === 'r' ? { ...base, output_dimension: value } : base)
      }
      if (cell !== 's') t.deepEqual<object, object>(fitEmbeddings(kind, { ...base, [name]: null }, 'refuse').body, base, 'null asks for nothing')
    }
  })
}

test('a request for embeddings goes to Mistral in its words', t => {
  const target = { model: { id: 'public', policy: { unsupported: 'refuse' } }, deployment: { upstream: 'mistral-embed' }, provider: { kind: 'mistral' } } as unknown as Target
  const body = { ...base, dimensions: 256, user: 'someone' }
  const fit = fitTo(target, { endpoints: new Set(['/v1/embeddings']) } as unknown as Provider, { endpoint: '/v1/embeddings', body, text: JSON.stringify(body), unsupported: null } as unknown as GatewayRequest)
  t.deepEqual(JSON.parse(String(fit.body)), { model: 'mistral-embed', input: 'Hi', output_dimension: 256 })
})
