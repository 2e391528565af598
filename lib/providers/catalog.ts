import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Config } from '../config.ts'
import type { Catalog } from './catalog-types.ts'
import { parseCatalog } from './catalog-file.ts'
import { simulatorCatalog } from './simulator-catalog.ts'

export type { Catalog, ProviderConfig } from './catalog-types.ts'

/**
 * Reads the providers and models; `environment` is where api_key_env names are looked up. Without a file they are the
 * simulator's. Throws one Error that lists every fault of the file with its line.
 */
export function loadCatalog (config: Pick<Config, 'configFile' | 'simulatorUrl'>, environment: Readonly<Record<string, string | undefined>>): Catalog {
  if (config.configFile === null) return simulatorCatalog(config.simulatorUrl)
  let text: string
  try {
    text = readFileSync(config.configFile, 'utf8')
  } catch (error) {
    throw new Error(`Configuration file: ${config.configFile} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error })
  }
  return parseCatalog(basename(config.configFile), text, environment)
}
