import { runInThread, threadModule } from '../../lib/gateway/large-body/threads.ts'
import type { ReadMessage } from './large-message-thread.ts'

const module = threadModule('large-message-thread', import.meta.url)

/** Reads a message of the chat socket in a thread. Throws the SiraError of what is wrong with the message itself. */
export async function readLargeMessage (data: Buffer, signal: AbortSignal): Promise<ReadMessage> {
  const bytes = new Uint8Array(data) // a copy: whose memory a Buffer lies in is not ours to say
  return await runInThread('compute', module, 'readMessage', {}, { bytes }, signal)
}
