// The settings of the contenders that are not Node: one process each, keep-alive on both sides, no
// access log unless the log line is one of the checks.

/** What a configuration is written for. */
export type Place = {
  /** An empty folder of its own. */
  readonly folder: string
  readonly port: number
  /** A second free port, for a service beside it. */
  readonly other: number
  readonly upstreamPort: number
  readonly issuer: string
  readonly audience: string
  /** Path of the RSA public key, and of the JSON that contender.mjs and gate.lua read. */
  readonly pemFile: string
  readonly gateFile: string
}

type NginxParts = {
  readonly load?: readonly string[]
  readonly http?: string
  readonly server?: string
  readonly location?: string
}

/** nginx in front of the upstream, with further parts where they belong. */
export function nginxSettings({ folder, port, upstreamPort }: Place, parts: NginxParts): string {
  return `${(parts.load ?? []).map((path) => `load_module ${path};\n`).join('')}daemon off;
master_process off; pid ${folder}/nginx.pid; error_log stderr; worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
 access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
 client_max_body_size 4m; client_body_buffer_size 2m;
 # Answers of 42 KB stay in memory.
 proxy_buffer_size 16k; proxy_buffers 16 16k;
 client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
 fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
 upstream mcp { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 100000000; }
 ${parts.http ?? ''}
 server {
  listen 127.0.0.1:${port} backlog=4096;
  ${parts.server ?? ''}
  location / {
   ${parts.location ?? ''}
   proxy_pass http://mcp; proxy_http_version 1.1;
   proxy_set_header Connection ""; proxy_set_header Authorization "";
  }
 }
}
`
}

/** Each request is asked about at a service beside nginx. */
export function authRequest({ other }: Place): NginxParts {
  return {
    http: `upstream auth { server 127.0.0.1:${other}; keepalive 256; keepalive_requests 100000000; }`,
    server: `location = /auth {
   internal; proxy_pass http://auth/; proxy_http_version 1.1; proxy_set_header Connection "";
   proxy_pass_request_body off; proxy_set_header Content-Length "";
  }`,
    location: 'auth_request /auth;',
  }
}

/** The checks of gate.lua, and a log line of its own. */
export function luaGate({ folder, gateFile }: Place, modules: string, scripts: string): NginxParts {
  const fields = ['time_iso8601', 'request_id', 'caller', 'rpc_method', 'tool', 'status']
  const sizes = ['request_time', 'upstream_response_time', 'request_length', 'bytes_sent']
  const format = [...fields, ...sizes].map((name) => `"${name}":"$${name}"`).join(',')
  return {
    load: [`${modules}/ndk_http_module.so`, `${modules}/ngx_http_lua_module.so`],
    http: `lua_package_path '${scripts}/?.lua;;';
 init_by_lua_block { gate = require 'gate' gate.open('${gateFile}') }
 log_format line escape=json '{${format}}';`,
    server: `access_log ${folder}/exchanges.log line buffer=64k flush=1s;
  set $caller ''; set $rpc_method ''; set $tool '';`,
    location: 'access_by_lua_block { gate.check() }',
  }
}

/** haproxy with every check that it can make of a token; it does not look into bodies here. */
export function haproxySettings({ port, upstreamPort, issuer, audience, pemFile }: Place): string {
  const claim = (name: string, as = '') => `var(txn.token),jwt_payload_query('$.${name}'${as})`
  return `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend front
  bind 127.0.0.1:${port} backlog 4096
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"${pemFile}") -m int 1 }
  http-request deny deny_status 401 unless { ${claim('iss')} -m str ${issuer} }
  http-request deny deny_status 401 unless { ${claim('aud')} -m str ${audience} }
  http-request set-var(txn.now) date()
  http-request set-var(txn.exp) ${claim('exp', ",'int'")}
  http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
  http-request deny deny_status 403 unless { ${claim('scope')} -m reg (^|\\ )public:read($|\\ ) }
  http-request del-header authorization
  default_backend back
backend back
  server upstream 127.0.0.1:${upstreamPort} pool-max-conn 1000
`
}
