import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { handleControl, readStats } from './control.ts'
import type { SimulatorStats } from './control.ts'
import { handleCall } from './handle-call.ts'
import type { CallQuery, LoggedCall } from './log.ts'
import type { FaultRuleInput, SettingsInput, StartOptions } from './options.ts'
import { changeFaults, changeSettings, createState, resetState } from './state.ts'

export type { StartOptions } from './options.ts'

export interface Simulator {
  /** Without the /v1 that an OpenAI base URL ends with. */
  readonly url: string
  /** Logged calls, oldest first; all of them unless the query limits them. */
  calls: (query?: CallQuery) => LoggedCall[]
  stats: () => SimulatorStats
  setFaults: (rules: readonly FaultRuleInput[]) => void
  setOptions: (settings: SettingsInput) => void
  reset: () => void
  /** Breaks open connections off and waits until the port is free. */
  close: () => Promise<void>
}

// Longer than any client keeps an idle connection, so that it is never the simulator that closes one just as it is used again.
const keepAlive = 120_000

/** Starts a simulator in this process. Throws an Error that names the option that is wrong, or why it cannot listen. */
export async function startSimulator (options: StartOptions = {}): Promise<Simulator> {
  const state = createState(options)
  const server = createServer({ keepAliveTimeout: keepAlive }, (request, response) => {
    const url = request.url!
    if (url.startsWith('/_sim/')) return handleControl(state, request, response, new URL(url, 'http://simulator'))
    const queryStart = url.indexOf('?')
    handleCall(state, request, response, queryStart === -1 ? url : url.slice(0, queryStart))
  })
  server.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0, backlog: 4096 })
  await once(server, 'listening')
  const { address, family, port } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    calls: query => state.log.find(query ?? {}).calls,
    stats: () => readStats(state),
    setFaults: rules => changeFaults(state, rules),
    setOptions: settings => changeSettings(state, settings),
    reset: () => resetState(state),
    async close () {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      state.closeFile()
    }
  }
}
