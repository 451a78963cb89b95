// The upstream of the bench: nginx, which costs next to nothing, with one fixed answer for each value
// of the header `mcp-param-answer`, plus the key set of the issuer. GET goes to the Node stub.

import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** The header by which a request chooses its answer; every proxy passes it on. */
export const CHOOSES = 'mcp-param-answer'

const result = (members: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, result: members })
const text = (length: number) => ({ content: [{ type: 'text', text: 'y'.repeat(length) }] })

/** A list of tools of which every second one needs a scope that an ordinary token lacks. */
export function toolList(count: number): string {
  const tools = Array.from({ length: count }, (_, i) => ({
    name: `${i % 2 === 0 ? 'tool_a' : 'tool_b'}_${i}`,
    description: `The tool with number ${i}, which reads one document and returns its text`,
    inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  }))
  return result({ tools })
}

/** Sizes of the tool lists that are measured. */
export const LISTS = [10, 100, 1_000, 10_000] as const

/** The answers by name: what the upstream sends, and as what. */
export const ANSWERS: Readonly<Record<string, { readonly body: string; readonly type: string }>> = {
  small: json(result({ ...text(180), isError: false })),
  large: json(result({ ...text(42_000), isError: false })),
  sse: {
    body: `event: message\ndata: ${result({ ...text(180), isError: false })}\n\n`,
    type: 'text/event-stream',
  },
  session: json(
    result({
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'stub', version: '1' },
    }),
  ),
  ...Object.fromEntries(LISTS.map((count) => [`tools${count}`, json(toolList(count))])),
}

function json(body: string) {
  return { body, type: 'application/json' }
}

/** Bytes of text in the answer `huge`: 1 GB. */
export const HUGE = 1_000_000_000

/** Writes the answer `huge` into the folder of the stub; the caller removes it. */
export function writeHuge(folder: string): string {
  const path = join(folder, 'huge.json')
  const [head = '', tail = ''] = result(text(1)).split('y"')
  const chunk = Buffer.alloc(10_000_000, 'y')
  const file = openSync(path, 'w')
  writeSync(file, head)
  for (let written = 0; written < HUGE; written += chunk.length) writeSync(file, chunk)
  writeSync(file, `"${tail}`)
  closeSync(file)
  return path
}

/** Writes answers and settings into a folder; returns the path of the settings. */
export function writeStub(folder: string, port: number, streamsPort: number, jwks: string): string {
  for (const [name, { body, type }] of Object.entries(ANSWERS))
    writeFileSync(join(folder, `${name}.${type === 'application/json' ? 'json' : 'sse'}`), body)
  writeFileSync(join(folder, 'jwks.json'), jwks)
  const path = join(folder, 'stub.conf')
  writeFileSync(path, settings(folder, port, streamsPort))
  return path
}

function settings(folder: string, port: number, streamsPort: number): string {
  const rows = Object.entries(ANSWERS).map(([name, { type }]) => {
    const file = `/files/${name}.${type === 'application/json' ? 'json' : 'sse'}`
    return `  ${name} ${name === 'small' || name === 'session' ? `/${name}` : file};`
  })
  return `daemon off; master_process off; pid ${folder}/stub.pid; error_log stderr;
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {
 access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
 client_max_body_size 4m; client_body_buffer_size 2m; open_file_cache max=100;
 client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
 fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
 types { application/json json; text/event-stream sse; }
 default_type application/json;
 map $http_mcp_param_answer $answer {
  default /small;
  read /read/small.json;
  huge /files/huge.json;
${rows.join('\n')}
 }
 server {
  listen 127.0.0.1:${port} backlog=4096; listen unix:${folder}/stub.sock;
  root ${folder};
  location = /jwks.json { }
  location = /mcp {
   if ($request_method = GET) { rewrite ^ /streams last; }
   rewrite ^ $answer last;
  }
  location = /small { return 200 '${ANSWERS['small']?.body}'; }
  location = /session {
   add_header Mcp-Session-Id $request_id;
   return 200 '${ANSWERS['session']?.body}';
  }
  location /files/ { alias ${folder}/; error_page 405 =200 $uri; }
  # A body is read to its end before it is answered; elsewhere it is dropped as it comes.
  location /read/ { alias ${folder}/; mirror /read-it; error_page 405 =200 $uri; }
  location = /read-it { internal; return 204; }
  location = /streams {
   proxy_pass http://127.0.0.1:${streamsPort}; proxy_http_version 1.1;
   proxy_buffering off; proxy_read_timeout 1h;
  }
 }
}
`
}
