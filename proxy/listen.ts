// Listening, and the end of it. One listener for a port, and never SO_REUSEPORT: with it any process
// of the same user could take part of the connections, and the tokens on them (T54, T157).

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens, and gives the port; rejects with the system's error when it cannot. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
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
