import type { Keys } from './access-fields.ts'
import { limitKeys, readAmount, readId, readName, readPeriod, readScopes, readStrings, readSubject, readThresholds } from './access-fields.ts'
import { fault, lineOf, openYaml, readBoolean, readInteger, readList, readMap, readWord, type Field } from '../providers/yaml-fields.ts'
import { isWellFormedKey } from '../store/keys.ts'
import type { AccessFile, BudgetEntry, KeyEntry, LimitEntry } from './access-types.ts'

type Environment = Readonly<Record<string, string | undefined>>

const sections = ['organizations', 'projects', 'keys', 'limits', 'budgets', 'presets'] as const

/**
 * Reads who may use the models from the configuration file: what lib/providers/catalog-file.ts leaves to it. Throws one Error that
 * lists every fault as `name:line: path: what is needed`.
 */
export function parseAccess (name: string, text: string, environment: Environment): AccessFile {
  const { root, faults } = openYaml(name, text)
  const top = root && readMap(root, [], ['providers', 'models', ...sections])
  const entries = <Entry>(section: typeof sections[number], read: (field: Field) => Entry | undefined): Entry[] =>
    (readList(top?.[section]) ?? []).flatMap(field => read(field) ?? [])
  const organizations = new Map<string, number>()
  const projects = new Map<string, number>()
  const keys = new Map<string, number>()
  const file: AccessFile = {
    organizations: entries('organizations', field => {
      const found = readMap(field, ['id', 'name'])
      const id = readId(found?.id, 'org_', organizations)
      const title = readName(found?.name)
      return id === undefined || title === undefined ? undefined : { id, name: title }
    }),
    projects: entries('projects', field => {
      const found = readMap(field, ['id', 'organization', 'name'])
      const id = readId(found?.id, 'proj_', projects)
      const organization = known(found?.organization, organizations, 'organization')
      const title = readName(found?.name)
      return id === undefined || organization === undefined || title === undefined ? undefined : { id, organization, name: title }
    }),
    keys: entries('keys', field => readKeyEntry(field, environment, projects, keys)),
    limits: entries('limits', field => readLimitEntry(field, { organization: organizations, project: projects, key: keys })),
    budgets: entries('budgets', field => readBudgetEntry(field, { organization: organizations, project: projects, key: keys })),
    presets: entries('presets', field => {
      const found = readMap(field, ['project', 'name', 'parameters'])
      const project = known(found?.project, projects, 'project')
      const title = readName(found?.name)
      const parameters: unknown = found?.parameters?.node.toJS(found.parameters.file.document)
      if (found?.parameters && (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters))) return fault(found.parameters, 'a mapping is needed')
      return project === undefined || title === undefined || parameters === undefined ? undefined : { project, name: title, parameters: parameters as Record<string, unknown> }
    })
  }
  const all = faults()
  if (all.length > 0) throw new Error(`Configuration file:\n  ${all.join('\n  ')}`)
  return file
}

function known (field: Field | undefined, declared: ReadonlyMap<string, number>, what: string): string | undefined {
  const id = readName(field)
  return id === undefined || declared.has(id) ? id : fault(field!, `no ${what} in this file has the id ${id}`)
}

function readKeyEntry (field: Field, environment: Environment, projects: ReadonlyMap<string, number>, keys: Map<string, number>): KeyEntry | undefined {
  const found = readMap(field, ['id', 'project', 'name', 'key_env'], ['scopes', 'models', 'allowed_ips', 'cache_ttl_seconds'])
  const id = readId(found?.id, 'key_', keys)
  const project = known(found?.project, projects, 'project')
  const name = readName(found?.name)
  const variable = readName(found?.key_env)
  const text = variable === undefined ? undefined : environment[variable]?.trim()
  // the value itself is never shown
  if (variable !== undefined && !text) fault(found!.key_env!, `the environment variable ${variable} is not set`)
  else if (text !== undefined && !isWellFormedKey(text)) fault(found!.key_env!, `the environment variable ${variable} holds no key; npm run create-key prints one`)
  const entry = {
    scopes: readScopes(found?.scopes),
    models: readStrings(found?.models) ?? null,
    allowedIps: readStrings(found?.allowed_ips, 'address') ?? null,
    cacheTtlSeconds: readInteger(found?.cache_ttl_seconds, 1, 2_592_000) ?? null
  }
  return id === undefined || project === undefined || name === undefined || text === undefined ? undefined : { id, project, name, text, ...entry }
}

function readLimitEntry (field: Field, declared: Parameters<typeof readSubject>[1]): LimitEntry | undefined {
  const found: Keys<'kind' | 'subject' | 'organization' | typeof limitKeys[number]> | undefined = readMap(field, ['kind', 'subject'], ['organization', ...limitKeys])
  const kind = readWord(found?.kind, ['organization', 'project', 'key', 'model'])
  const subject = kind === undefined ? undefined : readSubject(found?.subject, declared, kind)
  const organization = known(found?.organization, declared.organization, 'organization') ?? null
  if (found?.organization && kind !== undefined && kind !== 'model') fault(found.organization, 'only a model has to be told it')
  const numbers = {
    requestsPerMinute: readInteger(found?.requests_per_minute, 1, 1_000_000_000) ?? null,
    tokensPerMinute: readInteger(found?.tokens_per_minute, 1, 1_000_000_000_000) ?? null,
    concurrency: readInteger(found?.concurrency, 1, 1_000_000) ?? null
  }
  if (found && limitKeys.every(name => found[name] === undefined)) fault(field, `at least one of ${limitKeys.join(', ')} is needed`)
  return kind === undefined || subject === undefined ? undefined : { line: lineOf(field), kind, subject, organization, ...numbers }
}

function readBudgetEntry (field: Field, declared: Parameters<typeof readSubject>[1]): BudgetEntry | undefined {
  const found = readMap(field, ['kind', 'subject', 'period', 'amount'], ['hard', 'thresholds'])
  const kind = readWord(found?.kind, ['organization', 'project', 'key'])
  const subject = kind === undefined ? undefined : readSubject(found?.subject, declared, kind)
  const period = readPeriod(found?.period)
  const amount = readAmount(found?.amount)
  const hard = readBoolean(found?.hard) ?? true
  const thresholds = readThresholds(found?.thresholds)
  return kind === undefined || subject === undefined || period === undefined || amount === undefined ? undefined : { kind, subject, period, amount, hard, thresholds }
}
