import type { ChatChunk } from '../contracts/chat.ts'

/** A piece of a tool call in a chat stream. */
export type CallPiece = NonNullable<ChatChunk['choices'][number]['delta']['tool_calls']>[number]

/** Which call a piece belongs to. Vendors that leave the index out begin a call with a new id (litellm #15884). */
export function createCallIndex<Call> (create: () => Call) {
  const byIndex = new Map<number, Call>()
  let last: { readonly call: Call, readonly id: string | undefined } | null = null
  return {
    /** The call in any order of its pieces; a new one for a piece that begins it. */
    find (piece: CallPiece): Call {
      const index: number | undefined = piece.index
      const known = index !== undefined
        ? byIndex.get(index)
        : last !== null && (!piece.id || piece.id === last.id) ? last.call : undefined
      if (known !== undefined) return known
      const call = create()
      if (index !== undefined) byIndex.set(index, call)
      last = { call, id: piece.id }
      return call
    }
  }
}
