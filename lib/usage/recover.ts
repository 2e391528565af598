import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { forget, isLiving } from './liveness.ts'
import { parseSegmentName } from './segment.ts'

/**
 * Takes over the segments of dead processes by renaming them with `newPath`, oldest first. Of several processes that
 * try at once each file goes to one, and when that one dies as well the next finds the file under its name. Returns the new paths.
 */
export async function takeOver (directory: string, owner: string, newPath: () => string): Promise<string[]> {
  const names = readdirSync(directory).sort()
  const taken: string[] = []
  for (const dead of await findDead(directory, owner, names)) {
    for (const name of names.filter(name => parseSegmentName(name)?.owner === dead)) {
      const path = newPath()
      if (renameIfThere(join(directory, name), path)) taken.push(path)
    }
    forget(directory, dead)
  }
  return taken
}

/**
 * Owners of segments that do not live. A socket without segments says nothing: its process may be about to listen on it,
 * which is when it would look dead.
 */
async function findDead (directory: string, owner: string, names: readonly string[]): Promise<string[]> {
  const owners = new Set(names.map(name => parseSegmentName(name)?.owner).filter(found => found !== undefined))
  owners.delete(owner)
  const dead: string[] = []
  for (const other of owners) if (!await isLiving(directory, other)) dead.push(other)
  return dead
}

function renameIfThere (from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false // another process was first
    throw error
  }
}
