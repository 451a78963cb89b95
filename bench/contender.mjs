// The contenders that are Node programs, one of them by its name: proxies that check nothing, the
// usual middleware stack with every check, and the service behind nginx auth_request.

import { createServer } from 'node:http'

const [kind, port, upstream, file] = process.argv.slice(2)

async function gate() {
  const { readFileSync } = await import('node:fs')
  const { createRemoteJWKSet, jwtVerify } = await import('jose')
  const { iss, aud, jwks, tools } = JSON.parse(readFileSync(file, 'utf8'))
  const keys = createRemoteJWKSet(new URL(jwks))
  const verify = async (authorization) => {
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
    if (token === undefined) return undefined
    try {
      const { payload } = await jwtVerify(token, keys, { issuer: iss, audience: aud })
      return { sub: payload.sub, scopes: String(payload.scope ?? '').split(' ') }
    } catch {
      return undefined
    }
  }
  return { verify, tools }
}

const KINDS = {
  'http-proxy': async () => {
    const { createProxyServer } = (await import('http-proxy')).default
    const { Agent } = await import('node:http')
    createProxyServer({ target: upstream, agent: new Agent({ keepAlive: true }) }).listen(
      Number(port),
      '127.0.0.1',
    )
  },
  'http-proxy-3': async () => {
    const { createProxyServer } = await import('http-proxy-3')
    const { Agent } = await import('node:http')
    createProxyServer({ target: upstream, agent: new Agent({ keepAlive: true }) }).listen(
      Number(port),
      '127.0.0.1',
    )
  },
  undici: async () => {
    const { Pool } = await import('undici')
    const pool = new Pool(upstream, { connections: 256, pipelining: 1 })
    const collected = (stream, end) => {
      const parts = []
      stream.on('data', (part) => parts.push(part)).on('end', () => end(Buffer.concat(parts)))
    }
    createServer({ keepAliveTimeout: 65_000 }, (request, response) =>
      collected(request, (body) => {
        const { method, url: path } = request
        const { host, connection, 'content-length': length, ...headers } = request.headers
        let head = { status: 502, headers: {} }
        const parts = []
        pool.dispatch(
          { path, method, headers, body: body.length === 0 ? null : body },
          {
            onRequestStart() {},
            onResponseStart(_, status, { 'content-type': of }) {
              head = { status, headers: { 'content-type': of } }
            },
            onResponseData(_, part) {
              parts.push(part)
            },
            onResponseEnd() {
              const all = Buffer.concat(parts)
              response.writeHead(head.status, { ...head.headers, 'content-length': all.length })
              response.end(all)
            },
            onResponseError() {
              response.destroy()
            },
          },
        )
      }),
    ).listen(Number(port), '127.0.0.1')
  },
  express: async () => {
    const { default: express } = await import('express')
    const { createProxyMiddleware, fixRequestBody } = await import('http-proxy-middleware')
    const { Agent } = await import('node:http')
    const { pino } = await import('pino')
    const log = pino({ base: null })
    const { verify, tools } = await gate()
    const app = express()
    app.use(async (request, response, next) => {
      const startedAt = performance.now()
      request.caller = await verify(request.headers.authorization)
      response.on('finish', () =>
        log.info({
          subject: request.caller?.sub,
          method: request.body?.method,
          tool: request.body?.params?.name,
          status: response.statusCode,
          duration_ms: performance.now() - startedAt,
        }),
      )
      if (request.caller === undefined) response.status(401).json({ error: 'unauthorized' })
      else next()
    })
    app.use(express.json({ limit: '4mb' }))
    app.use((request, response, next) => {
      const { id, method, params } = request.body ?? {}
      if (method !== 'tools/call' || request.caller.scopes.includes(tools[params?.name]))
        return next()
      const message = `Permission denied: tool "${params?.name}"`
      response.json({ jsonrpc: '2.0', id, error: { code: -31403, message } })
    })
    app.use(
      createProxyMiddleware({
        target: upstream,
        agent: new Agent({ keepAlive: true }),
        on: { proxyReq: fixRequestBody },
      }),
    )
    app.listen(Number(port), '127.0.0.1')
  },
  auth: async () => {
    const { verify } = await gate()
    createServer({ keepAliveTimeout: 65_000 }, async (request, response) => {
      const caller = await verify(request.headers.authorization)
      const status = caller === undefined ? 401 : caller.scopes.includes('public:read') ? 204 : 403
      response.writeHead(status, { 'content-length': 0 }).end()
    }).listen(Number(port), '127.0.0.1')
  },
}

await KINDS[kind]()
