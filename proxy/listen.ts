// Listening, and the end of it. One listener for a port, and never SO_REUSEPORT: with it any process
// of the same user could take part of the connections, and the tokens on them (T54, T157).

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Connections that wait to be accepted; the system may allow fewer. One is accepted in each turn of the
 * loop, and whoever finds no room tries again after 1, 3 and 7 s (T122).
 */
const BACKLOG = 4_096

/** Listens, and gives the port; rejects with the system's error when it cannot. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, BACKLOG, () => {
      server.removeListener('error', reject)
      resolve((server.address() as AddressInfo).port) // a TCP server has an AddressInfo
    })
  })
}

/** Stops accepting; resolves when the last connection is gone. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
