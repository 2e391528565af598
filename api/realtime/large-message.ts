import { runInThread } from '../../lib/gateway/large-body/threads.ts'
import type { ReadMessage } from './large-message-thread.ts'

/** Reads a message of the chat socket in a thread. Throws the SiraError of what is wrong with the message itself. */
export async function readLargeMessage (data: Buffer, signal: AbortSignal): Promise<ReadMessage> {
  const bytes = new Uint8Array(data) // a copy: whose memory a Buffer lies in is not ours to say
  return await runInThread('compute', new URL('large-message-thread.ts', import.meta.url), 'readMessage', {}, { bytes }, signal)
}
