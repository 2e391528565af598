/**
 * The same bytes, failing when there are not exactly as many as were announced: a reader would take a short body that ends
 * in good order for the whole.
 */
export async function * exactBytes (source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let passed = 0
  for await (const piece of source) {
    passed += piece.length
    if (passed > bytes) break
    yield piece
  }
  if (passed !== bytes) throw new Error(`${bytes} bytes were announced and the object store sent ${passed > bytes ? 'more' : passed}`)
}
