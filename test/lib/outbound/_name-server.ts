import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { ExecutionContext } from 'ava'

/** A name server of the records given, by `A name` and `AAAA name`; `silent.` names get no answer at all. Returns its address:port. */
export async function startNameServer (t: ExecutionContext, records: Readonly<Record<string, readonly Buffer[]>>): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, sender) => {
    const labels: string[] = []
    let place = 12
    while (query[place]! > 0) {
      labels.push(query.toString('latin1', place + 1, place + 1 + query[place]!))
      place += 1 + query[place]!
    }
    if (labels[0] === 'silent') return
    const type = query.readUInt16BE(place + 1)
    const answers = records[`${type === 1 ? 'A' : 'AAAA'} ${labels.join('.').toLowerCase()}`]
    const head = Buffer.alloc(12)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(answers === undefined ? 0x8183 : 0x8180, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers?.length ?? 0, 6)
    // the name of each record is a pointer to the question's; time to live 0
    const rows = (answers ?? []).map(bytes => Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length]), bytes]))
    socket.send(Buffer.concat([head, query.subarray(12, place + 5), ...rows]), sender.port, sender.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => { socket.close() })
  return `127.0.0.1:${socket.address().port}`
}
