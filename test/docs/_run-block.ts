import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, type Block } from './_markdown.ts'

export interface Outcome { readonly code: number | string | null, readonly stdout: string, readonly stderr: string }

/** Runs a block as a reader would, in an empty folder where the repository's packages can be imported. */
export async function runBlock (block: Block, variables: Readonly<Record<string, string>>): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'sira-docs-'))
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    const [command, args] = await prepare(block, folder)
    return await execute(command, args, folder, variables)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function prepare (block: Block, folder: string): Promise<[command: string, args: string[]]> {
  if (block.language === 'sh') return ['bash', ['-euo', 'pipefail', '-c', block.code]]
  if (block.language === 'ts') {
    await writeFile(join(folder, 'program.mts'), block.code)
    return [process.execPath, ['--import', 'tsx', 'program.mts']]
  }
  if (block.language !== 'python') throw new Error(`${block.document}:${block.line}: a block of ${block.language} cannot be run`)
  await writeFile(join(folder, 'program.py'), block.code)
  return ['python3', python === 'runs' ? ['program.py'] : ['-m', 'py_compile', 'program.py']]
}

/** What can be done with Python here: run it with OpenAI's SDK, only check its syntax, or nothing. */
export const python = await findPython()

async function findPython (): Promise<'runs' | 'compiles' | 'absent'> {
  const { code } = await execute('python3', ['-c', 'import openai'], root, {})
  return code === 0 ? 'runs' : code === 'ENOENT' ? 'absent' : 'compiles'
}

async function execute (command: string, args: readonly string[], cwd: string, variables: Readonly<Record<string, string>>): Promise<Outcome> {
  return await new Promise(resolve => {
    execFile(command, args, { cwd, env: { ...process.env, ...variables }, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code ?? error.signal ?? null, stdout, stderr })
    })
  })
}
