import { once } from 'node:events'
import { rmSync, statfsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join, relative } from 'node:path'

/**
 * Bytes of a socket's path: 108 on Linux and 104 on macOS and BSD, with the terminating zero. Longer ones are cut
 * off without a word.
 */
const MOST_PATH_BYTES = 103

/** Magic numbers (statfs) of NFS, SMB in three versions, Ceph and Lustre: another machine's sockets there look like those of the dead. */
const networkFileSystems = [0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400, 0x0bd00bd0]

/**
 * The path to bind or connect, the shorter of absolute and relative to the working directory: it must fit
 * into a socket's address, and a directory may be anywhere.
 */
function socketPath (directory: string, owner: string): string {
  const absolute = join(directory, `${owner}.sock`)
  const beside = relative(process.cwd(), absolute)
  const path = beside.length < absolute.length ? beside : absolute
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) {
    throw new Error(`The journal's directory has too long a path: ${path} has more than the ${MOST_PATH_BYTES} bytes of a socket's path. Set SIRA_JOURNAL_DIR to a shorter one.`)
  }
  return path
}

/**
 * Shows other processes on this machine that the owner lives, until closed: a socket in the directory that it listens on.
 * The kernel refuses connections from the moment the process is dead, however it died, and accepts them while it lives,
 * stopped or busy as it may be; a pid says neither in containers, a lock in Postgres is lost in an outage, a time stamp guesses.
 * Throws when the directory is on a network file system, or on one without sockets.
 */
export async function showLiving (directory: string, owner: string): Promise<{ close: () => Promise<void> }> {
  if (networkFileSystems.includes(statfsSync(directory).type)) throw new Error(unsuitable(directory))
  const server = createServer(socket => { socket.destroy() })
  // exclusive: in a cluster the primary process would listen in the worker's place, and outlive it
  server.listen({ path: socketPath(directory, owner), exclusive: true })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Error(unsuitable(directory), { cause: error })
  }
  server.unref()
  return {
    async close () {
      server.close() // removes the file
      await once(server, 'close')
    }
  }
}

function unsuitable (directory: string): string {
  return `The usage journal needs a directory on a local disk of this machine, where sockets work, and not ${directory}. Set SIRA_JOURNAL_DIR.`
}

/** Whether the owner lives. Everything but a plain no counts as yes: the files of a living process are never touched. */
export async function isLiving (directory: string, owner: string): Promise<boolean> {
  const socket = connect(socketPath(directory, owner))
  return await new Promise(resolve => {
    const answer = (living: boolean): void => {
      socket.destroy()
      resolve(living)
    }
    socket.setTimeout(1_000, () => { answer(true) })
    socket.on('connect', () => { answer(true) })
    // ENOENT: it closed in order; the socket is there before the first file and goes after the last write
    socket.on('error', (error: NodeJS.ErrnoException) => { answer(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT') })
  })
}

/** Removes what a killed process left of its socket. */
export function forget (directory: string, owner: string): void {
  rmSync(socketPath(directory, owner), { force: true })
}
