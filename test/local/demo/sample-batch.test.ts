import test from 'ava'
import { createBatchIndexer } from '../../../lib/batch-input/index-batch-input.ts'
import { sampleBatch, sampleRows } from '../../../local/demo/sample-batch.ts'

test('the sample batch is 2,000 valid requests, the same every time, of which 8 are meant to fail', t => {
  const text = sampleBatch()
  t.is(text, sampleBatch())
  const indexer = createBatchIndexer({ maxLineBytes: 10_000, maxRows: sampleRows })
  indexer.write(Buffer.from(text))
  const index = indexer.finish()
  t.deepEqual([index.rows, index.errors], [2000, []])
  const lines = text.trimEnd().split('\n')
  t.is(lines.filter(line => line.includes('[[sim:400]]')).length, 8)
  t.is(lines.filter(line => line.includes('times=1')).length, 61)
})
