import { move, transferableSymbol, valueSymbol } from 'piscina'

interface Work {
  /** URL of the module, the name of a function it exports, and what that gets. */
  readonly module: string
  readonly name: string
  readonly input: object
  readonly bytes: Uint8Array<ArrayBuffer> | null
}
type Done = Readonly<Record<string, unknown>> & { readonly moved?: readonly ArrayBuffer[] }

/** In a thread: calls a function of a module, and gives the bytes it worked on back. */
export default async function work ({ module, name, input, bytes }: Work): Promise<unknown> {
  const functions = await import(module) as Readonly<Record<string, (order: object) => Promise<Done> | Done>>
  const { moved = [], ...told } = await functions[name]!({ ...input, bytes })
  const buffers = bytes === null ? moved : [bytes.buffer, ...moved]
  return move({ [transferableSymbol]: buffers, [valueSymbol]: { told, bytes } } as never)
}
