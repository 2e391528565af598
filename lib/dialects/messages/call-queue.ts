import type { ToolCall } from '../../contracts/chat.ts'
import { createCallIndex, type CallPiece } from '../call-index.ts'
import { createJsonEnd, type JsonEnd } from './json-end.ts'

export interface PendingCall {
  id: string
  name: string
  /** Arguments that came and were not shown yet. */
  waiting: string
  begun: boolean
  extra: ToolCall['extra_content'] | undefined
  readonly end: JsonEnd
}

/** What shows calls: at most one is open, and they come in order. */
export interface CallOutlet {
  begin: (call: PendingCall, place: number) => void
  more: (text: string) => void
  finish: () => void
}

/**
 * Chat may interleave the pieces of parallel calls; Anthropic's blocks come one after another. The first call is shown as it
 * comes, the next once the arguments before it are whole JSON, or at the end.
 */
export function createCallQueue (outlet: CallOutlet) {
  const calls: PendingCall[] = []
  const index = createCallIndex(() => {
    const call: PendingCall = { id: '', name: '', waiting: '', begun: false, extra: undefined, end: createJsonEnd() }
    calls.push(call)
    return call
  })
  let current = 0

  function show (call: PendingCall): void {
    if (!call.begun) {
      call.begun = true
      outlet.begin(call, current)
    }
    if (call.waiting !== '') outlet.more(call.waiting)
    call.waiting = ''
  }

  return {
    get size (): number { return calls.length },
    add (piece: CallPiece): void {
      const call = index.find(piece)
      if (call.id === '') call.id = piece.id ?? ''
      if (call.name === '') call.name = piece.function?.name ?? ''
      const text = piece.function?.arguments ?? ''
      call.waiting += text
      call.end.read(text)
      call.extra = piece.extra_content ?? call.extra
      while (current < calls.length) {
        const first = calls[current]!
        if (first.name === '') return // a block begins with its name
        show(first)
        if (current === calls.length - 1 || !first.end.reached()) return
        outlet.finish()
        current += 1
      }
    },
    end (): void {
      for (; current < calls.length; current++) {
        show(calls[current]!)
        outlet.finish()
      }
    }
  }
}
