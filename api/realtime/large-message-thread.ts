/** Runs in a worker thread: messages of the chat socket that are too large for the event loop. */
import type { LargeText } from '../../lib/contracts/gateway.ts'
import { checkDepth } from '../../lib/gateway/large-body/check-depth.ts'
import { inspectBody, type Inspected } from '../../lib/gateway/large-body/thread.ts'
import { readObject, toBytes } from '../../lib/gateway/large-body/json-bytes.ts'
import { told, type Told } from '../../lib/gateway/large-body/told.ts'
import { readClientMessage, type ClientMessage } from './chat-messages.ts'

/** A message as it was read. `large` = what the event loop is not given of its body, or what is wrong with that. */
export type ReadMessage =
  | { readonly message: ClientMessage & { readonly type: 'cancel' } }
  | { readonly message: Omit<ClientMessage & { readonly type: 'request' }, 'body'>, readonly large: Told<Inspected & { readonly bytes: LargeText['bytes'] }> }

/** Reads one message; the fault of a request's body is told with the request's id. */
export async function readMessage ({ bytes }: { bytes: LargeText['bytes'] }): Promise<Told<ReadMessage>> {
  return await told(async () => {
    const message = readClientMessage(readObject(bytes).body)
    if (message.type === 'cancel') return { message }
    const { body, ...rest } = message
    const large = await told(() => {
      checkDepth(body) // before it is written
      const text = JSON.stringify(body)
      return { ...inspectBody('/v1/chat/completions', body, text), bytes: toBytes(text) }
    })
    return { message: rest, large }
  }, read => 'large' in read && 'ok' in read.large ? [read.large.ok.bytes] : [])
}
