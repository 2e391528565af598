import { Client, Connection } from '@temporalio/client'
import temporal from '@temporalio/proto'
import type { Config } from '../config.ts'
import { searchAttributes } from './search-attributes.ts'
import { withDeadline } from './with-deadline.ts'

/** How clients and workers reach the server. */
export function temporalAccess (config: Config): { address: string, tls: boolean, apiKey?: string } {
  return { address: config.temporalAddress, tls: config.temporalTls, ...(config.temporalApiKey === null ? {} : { apiKey: config.temporalApiKey }) }
}

/** A client that connects on first use, so that an API may start while Temporal is away. */
export function createTemporalClient (config: Config): Client {
  const connection = Connection.lazy({ ...temporalAccess(config), connectTimeout: '5s' })
  return new Client({ connection, namespace: config.temporalNamespace })
}

/** Registers the search attributes; idempotent, 13 ms. A clash of type is silent in Temporal: `temporal operator search-attribute list` shows it. */
export async function registerSearchAttributes (client: Client): Promise<void> {
  const keyword = temporal.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
  await withDeadline(client, 10_000, async () => {
    await (client.connection as Connection).operatorService.addSearchAttributes({
      namespace: client.options.namespace,
      searchAttributes: Object.fromEntries(Object.values(searchAttributes).map(key => [key.name, keyword]))
    })
  })
}
