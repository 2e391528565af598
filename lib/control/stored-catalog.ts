import { credentialPlace, type Keyring } from '../crypto/seal.ts'
import type { Logger } from '../log.ts'
import { priceSheetFromJson, providerFromJson, settingsFromJson } from '../providers/catalog-json.ts'
import { buildModel } from '../providers/catalog-model.ts'
import type { Catalog, Credential, ModelConfig, ProviderConfig } from '../providers/catalog-types.ts'
import type { ControlRows } from '../store/control.ts'
import { usableCredentials } from './usable-credentials.ts'

type Rows = Pick<ControlRows, 'providers' | 'credentials' | 'models' | 'deployments'>

interface Merge {
  readonly fileCatalog: Catalog
  readonly keyring: Keyring | null
  readonly log: Pick<Logger, 'warn' | 'error'>
}

/**
 * Makes the catalog of the file and the database, anew for each snapshot. The file wins on a name. What is the same as in
 * the snapshot before is the same object, so that connections and prices kept by it stay. A row that cannot be used is left out and logged.
 */
export function createCatalogMerge ({ fileCatalog, keyring, log }: Merge): (rows: Rows) => Catalog {
  const providers = remembering<ProviderConfig>()
  const models = remembering<ModelConfig>()
  const told = new Set<string>() // each fault once, not with every change of something else

  function tell (level: 'warn' | 'error', fields: Readonly<Record<string, unknown>>, message: string): void {
    const key = JSON.stringify([message, fields.provider, fields.model, fields.credential])
    if (told.has(key)) return
    if (told.size >= 1_000) told.clear()
    told.add(key)
    log[level](fields, message)
  }

  function credentialsOf (provider: string, rows: Rows): Credential[] {
    return usableCredentials(rows.credentials.filter(row => row.provider === provider)).flatMap(row => {
      try {
        if (keyring === null) throw new Error('SIRA_ENCRYPTION_KEYS is not set')
        return [{ id: row.id, secret: keyring.open(row, credentialPlace(row.id)) }]
      } catch (error) {
        tell('error', { err: error, provider, credential: row.id }, 'a stored credential cannot be decrypted; it is not used')
        return []
      }
    })
  }

  return rows => {
    const allProviders = new Map(fileCatalog.providers)
    for (const row of rows.providers) {
      if (fileCatalog.providers.has(row.name)) {
        tell('warn', { provider: row.name }, 'a stored provider has the name of one in the configuration file, which wins')
        continue
      }
      try {
        const credentials = credentialsOf(row.name, rows)
        allProviders.set(row.name, providers.take(row.name, [row, credentials],
          () => providerFromJson({ ...row.settings, name: row.name, kind: row.kind, base_url: row.baseUrl }, credentials)))
      } catch (error) {
        tell('error', { err: error, provider: row.name }, 'a stored provider cannot be used')
      }
    }
    const allModels = new Map(fileCatalog.models)
    for (const row of rows.models) {
      if (fileCatalog.models.has(row.id)) {
        tell('warn', { model: row.id }, 'a stored model has the name of one in the configuration file, which wins')
        continue
      }
      const deployments = rows.deployments.filter(deployment => deployment.modelId === row.id && allProviders.has(deployment.provider))
      if (deployments.length === 0) continue // nothing to serve it with yet
      try {
        allModels.set(row.id, models.take(row.id, [row, deployments], () => buildModel({
          id: row.id,
          settings: settingsFromJson(row.settings),
          deployments: deployments.map(({ id, provider, upstream, weight, priority, prices }) => ({ id, provider, upstream, weight, priority, prices: priceSheetFromJson(prices) }))
        })))
      } catch (error) {
        tell('error', { err: error, model: row.id }, 'a stored model cannot be used')
      }
    }
    providers.forgetOthers(allProviders)
    models.forgetOthers(allModels)
    return { providers: allProviders, models: allModels }
  }
}

/** Keeps an object as long as what it was made from stays the same. */
function remembering<Value> () {
  const known = new Map<string, { source: string, value: Value }>()
  return {
    take (name: string, from: unknown, make: () => Value): Value {
      const source = JSON.stringify(from)
      const entry = known.get(name)
      if (entry?.source === source) return entry.value
      const value = make()
      known.set(name, { source, value })
      return value
    },
    forgetOthers (names: ReadonlyMap<string, unknown>): void {
      for (const name of known.keys()) if (!names.has(name)) known.delete(name)
    }
  }
}
