import type { Usage } from '../../contracts/prices.ts'
import type { StreamEvent } from '../../providers/types.ts'
import { chunkToCompletion } from './from-chat.ts'

/** A chat stream as a stream of completions. */
export function createCompletionsStream (model?: string) {
  return {
    push: (data: string): StreamEvent[] => chunkToCompletion(data, model),
    /** The end has no event of its own but `[DONE]`, which the route writes, and before it the chunk that only carries usage, where it is wanted. */
    end: (_usage: Usage | null, usageChunk: string | null): StreamEvent[] => usageChunk === null ? [] : chunkToCompletion(usageChunk, model)
  }
}
