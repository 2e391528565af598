import type { StreamEvent } from '../../providers/types.ts'
import { chunkToCompletion } from './from-chat.ts'

/** A chat stream as a stream of completions. `push` also takes the chunk that only carries usage. */
export function createCompletionsStream (model?: string) {
  return {
    push: (data: string): StreamEvent[] => chunkToCompletion(data, model),
    /** The end has no event of its own but `[DONE]`, which the route writes. */
    end: (): StreamEvent[] => []
  }
}
