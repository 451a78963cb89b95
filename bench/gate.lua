-- The checks of toolstile that matter to every call, in nginx: the token verified once and then
-- remembered, the body parsed, the scope of the tool checked. What a team could write in a week.

local ffi = require 'ffi'
local cjson = require 'cjson'
local lrucache = require 'resty.lrucache'
local decode = require('ngx.base64').decode_base64url

ffi.cdef [[
typedef struct bio_st BIO;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;
BIO *BIO_new_mem_buf(const void *buf, int len);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bp, EVP_PKEY **x, void *cb, void *u);
const EVP_MD *EVP_sha256(void);
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *ctx);
int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, void *pctx, const EVP_MD *type, void *e, EVP_PKEY *pkey);
int EVP_DigestVerify(EVP_MD_CTX *ctx, const char *sig, size_t siglen, const char *tbs, size_t tbslen);
]]
local crypto = ffi.load 'libcrypto.so.3'

local gate = {}
local settings, key
local callers = lrucache.new(10000)

function gate.open(path)
  local file = assert(io.open(path))
  settings = cjson.decode(file:read '*a')
  file:close()
  local bio = crypto.BIO_new_mem_buf(settings.pem, #settings.pem)
  key = crypto.PEM_read_bio_PUBKEY(bio, nil, nil, nil)
  assert(key ~= nil, 'the public key cannot be read')
end

local function signed(text, signature)
  local ctx = crypto.EVP_MD_CTX_new()
  local ok = crypto.EVP_DigestVerifyInit(ctx, nil, crypto.EVP_sha256(), nil, key) == 1
    and crypto.EVP_DigestVerify(ctx, signature, #signature, text, #text) == 1
  crypto.EVP_MD_CTX_free(ctx)
  return ok
end

local function verify(token)
  local text, payload, signature = token:match '^([%w_-]+%.([%w_-]+))%.([%w_-]+)$'
  if not text then return nil end
  local bytes = decode(signature)
  if not bytes then return nil end
  local read, head = pcall(cjson.decode, decode(text:match '^[^.]+'))
  if not read or head.alg ~= 'RS256' or not signed(text, bytes) then return nil end
  local claims = cjson.decode(decode(payload))
  if claims.iss ~= settings.iss or claims.aud ~= settings.aud then return nil end
  local caller = { sub = claims.sub, exp = claims.exp, scopes = {} }
  for scope in (claims.scope or ''):gmatch '%S+' do caller.scopes[scope] = true end
  callers:set(token, caller)
  return caller
end

local function refuse(status, body)
  ngx.status = status
  ngx.header['content-type'] = 'application/json'
  ngx.print(body)
  return ngx.exit(status)
end

function gate.check()
  local token = (ngx.var.http_authorization or ''):match '^Bearer (.+)$'
  local caller = token and (callers:get(token) or verify(token))
  if not caller or caller.exp <= ngx.time() then return refuse(401, '{"error":"unauthorized"}') end
  ngx.var.caller = caller.sub
  if ngx.req.get_method() ~= 'POST' then return end
  ngx.req.read_body()
  local read, message = pcall(cjson.decode, ngx.req.get_body_data() or '')
  if not read or type(message) ~= 'table' then return refuse(400, '{"error":"not JSON"}') end
  ngx.var.rpc_method = message.method
  if message.method ~= 'tools/call' then return end
  local tool = message.params and message.params.name
  ngx.var.tool = tool
  local scope = settings.tools[tool]
  if scope and caller.scopes[scope] then return end
  return refuse(200, cjson.encode {
    jsonrpc = '2.0',
    id = message.id,
    error = { code = -31403, message = 'Permission denied: tool "' .. tostring(tool) .. '"' },
  })
end

return gate
