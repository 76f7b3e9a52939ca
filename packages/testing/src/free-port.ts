import { createServer } from 'node:net'

// A server in cluster mode also listens on its port + 10000.
const HIGHEST_PORT = 65_535 - 10_000

/**
 * A port that was free a moment ago. Someone else may take it before it is used, so the caller has to be
 * ready to ask for another one.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenOnce()
    if (port <= HIGHEST_PORT) return port
  }
}

function listenOnce(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port)
        else reject(new Error('the system gave no port'))
      })
    })
  })
}
