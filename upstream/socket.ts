// Clears the way for a Unix socket that a killed process has left behind.
// Never removes a socket that somebody still answers on, nor a file that is not a socket.
import { lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'

/** Removes the socket file when nothing listens on it any more. */
export async function freeSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.isSocket() && (await isDead(path))) unlinkSync(path)
}

function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.on('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}
