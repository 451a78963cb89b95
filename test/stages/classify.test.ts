// Stage 5 alone: era, method and names out of the body; the headers are only cross-checked.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { classify } from '../../proxy/stages/classify.ts'
import type { Denial, Head, Intent, JSONObject, JSONValue, Message } from '../../proxy/types.ts'
import { MODERN_VERSION, VERSION_KEY } from '../../proxy/wire/eras.ts'

const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities'
const envelope = { [VERSION_KEY]: MODERN_VERSION }

function headOf(headers: Record<string, string> = {}, http: Head['http'] = 'POST'): Head {
  return { http, headers: new Map(Object.entries(headers)) }
}

function messageOf(method: string, params: JSONObject = {}, id?: string | number): Message {
  const bare = { bytes: new Uint8Array(), text: '', method, params }
  return id === undefined ? { ...bare, kind: 'notification' } : { ...bare, kind: 'request', id }
}

const legacy = (method: string, params: JSONObject = {}, headers: Record<string, string> = {}) =>
  classify(headOf(headers), messageOf(method, params, 1))

/** A modern request whose headers agree with its body, unless told otherwise. */
function modern(
  method: string,
  params: JSONObject = {},
  headers: Record<string, string> = {},
  meta: JSONObject = {},
) {
  const usual = { 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': method }
  const message = messageOf(method, { ...params, _meta: { ...envelope, ...meta } }, 1)
  return classify(headOf({ ...usual, ...headers }), message)
}

function intentOf(classified: Intent | Denial): Intent {
  assert.ok(!('denied' in classified), JSON.stringify(classified))
  return classified
}

test('a request without a message asks for what its HTTP method says', () => {
  for (const http of ['GET', 'DELETE'] as const)
    assert.deepEqual(classify(headOf({ 'mcp-session-id': 's' }, http), undefined), {
      era: 'legacy',
      http,
      method: http,
      id: undefined,
      targets: [],
      list: undefined,
      sealedSession: 's',
      body: undefined,
      mayCreateTask: false,
    })
})

test('a response of the client belongs to a session and has no id of its own (T18)', () => {
  const message: Message = {
    kind: 'response',
    id: 7,
    bytes: new Uint8Array(),
    text: '',
    params: {},
  }
  assert.deepEqual(classify(headOf({ 'mcp-session-id': 's' }), message), {
    era: 'legacy',
    http: 'POST',
    method: 'response',
    id: undefined,
    targets: [],
    list: undefined,
    sealedSession: 's',
    body: { bytes: message.bytes, text: message.text },
    mayCreateTask: false,
  })
})

test('a legacy request keeps its session and names its target', () => {
  const message = messageOf('tools/call', { name: 'a', arguments: { name: 'b' } }, 'x')
  assert.deepEqual(classify(headOf({ 'mcp-session-id': 's' }), message), {
    era: 'legacy',
    http: 'POST',
    method: 'tools/call',
    id: 'x',
    targets: [{ kind: 'tool', name: 'a' }],
    list: undefined,
    sealedSession: 's',
    body: { bytes: message.bytes, text: message.text },
    mayCreateTask: false,
  })
})

test('initialize and modern requests take no session along (T113)', () => {
  const session = { 'mcp-session-id': 's' }
  assert.equal(intentOf(legacy('initialize', {}, session)).sealedSession, undefined)
  assert.equal(intentOf(modern('server/discover', {}, session)).sealedSession, undefined)
  assert.equal(intentOf(legacy('ping', {}, session)).sealedSession, 's')
  assert.equal(intentOf(legacy('ping')).sealedSession, undefined)
})

test('a modern request is of the modern era', () => {
  const intent = intentOf(modern('tools/list'))
  assert.equal(intent.era, 'modern')
  assert.equal(intent.list, 'tools')
  assert.equal(intent.id, 1)
  assert.deepEqual(intent.targets, [])
})

describe('methods (R20)', () => {
  test('a method of no table is unknown, and so is one of the other era', () => {
    const unknown = { denied: 'method_unknown', detail: 'unknown method', id: 1 }
    assert.deepEqual(legacy('tools/unknown'), { ...unknown, era: 'legacy' })
    assert.deepEqual(legacy('toString'), { ...unknown, era: 'legacy' })
    assert.deepEqual(legacy('server/discover'), { ...unknown, era: 'legacy' })
    assert.deepEqual(modern('initialize'), { ...unknown, era: 'modern' })
  })

  test('a notification is one by name and by its missing id alike', () => {
    const detail = 'a request without an id, or a notification with one'
    assert.deepEqual(legacy('notifications/cancelled'), {
      denied: 'invalid_message',
      detail,
      id: 1,
    })
    assert.deepEqual(classify(headOf(), messageOf('tools/list')), {
      denied: 'invalid_message',
      detail,
      id: undefined,
    })
    assert.ok('targets' in classify(headOf(), messageOf('notifications/cancelled')))
  })

  const lists = [
    ['tools/list', 'tools'],
    ['prompts/list', 'prompts'],
    ['resources/list', 'resources'],
    ['resources/templates/list', 'resourceTemplates'],
    ['tasks/list', 'tasks'],
  ] as const
  for (const [method, list] of lists) {
    test(`${method} answers the list of ${list}`, () =>
      assert.equal(intentOf(legacy(method)).list, list))
  }
})

describe('a modern header over a legacy body', () => {
  const version = { 'mcp-protocol-version': MODERN_VERSION }

  test('a request lacks its envelope (R14)', () => {
    assert.deepEqual(legacy('tools/list', {}, version), {
      denied: 'envelope_missing',
      detail: `the MCP-Protocol-Version header names ${MODERN_VERSION}, but params._meta does not`,
      id: 1,
      era: 'legacy',
    })
  })

  test('initialize contradicts it', () => {
    assert.deepEqual(legacy('initialize', {}, version), {
      denied: 'header_mismatch',
      detail: 'initialize was sent with a modern MCP-Protocol-Version header',
      got: MODERN_VERSION,
      body: undefined,
      id: 1,
      era: 'legacy',
    })
  })

  test('a notification may pass, and so may any other version', () => {
    const note = messageOf('notifications/cancelled')
    assert.equal(intentOf(classify(headOf(version), note)).era, 'legacy')
    const intent = intentOf(legacy('tools/list', {}, { 'mcp-protocol-version': '2025-11-25' }))
    assert.equal(intent.era, 'legacy')
  })
})

describe('headers beside a modern body (R11, T117)', () => {
  const mismatch = (detail: string, got: string | undefined, body: string | undefined) => ({
    denied: 'header_mismatch',
    detail,
    got,
    body,
    id: 1,
    era: 'modern',
  })

  test('a version that is no string is no envelope', () => {
    for (const version of [7, null, ['x']])
      assert.deepEqual(modern('tools/list', {}, {}, { [VERSION_KEY]: version }), {
        denied: 'envelope_missing',
        detail: `${VERSION_KEY} is not a string`,
        id: 1,
        era: 'modern',
      })
  })

  for (const header of ['mcp-protocol-version', 'mcp-method']) {
    test(`${header} must be what the body says`, () => {
      const detail = `the ${header} header is not what the body says`
      const body = header === 'mcp-method' ? 'tools/list' : MODERN_VERSION
      for (const given of ['x', ''])
        assert.deepEqual(
          modern('tools/list', {}, { [header]: given }),
          mismatch(detail, given, body),
        )
    })
  }

  test('a request must have both, a notification none', () => {
    const params = { _meta: envelope }
    const request = messageOf('tools/list', params, 1)
    const note = messageOf('notifications/cancelled', params)
    const version = { 'mcp-protocol-version': MODERN_VERSION }
    const lacking = 'the mcp-method header is not what the body says'
    assert.deepEqual(classify(headOf(version), request), mismatch(lacking, undefined, 'tools/list'))
    assert.deepEqual(
      classify(headOf({ 'mcp-method': 'tools/list' }), request),
      mismatch(
        'the mcp-protocol-version header is not what the body says',
        undefined,
        MODERN_VERSION,
      ),
    )
    assert.equal(intentOf(classify(headOf(), note)).era, 'modern')
    assert.ok('denied' in classify(headOf({ 'mcp-method': 'x' }), note))
  })

  test('space around a value is not part of it', () => {
    const spaced = { 'mcp-protocol-version': ` ${MODERN_VERSION} `, 'mcp-method': '\ttools/list' }
    assert.equal(intentOf(modern('tools/list', {}, spaced)).method, 'tools/list')
  })

  test('a revision that is not ours is named in the refusal (R14)', () => {
    const version = '2099-01-01'
    const headers = { 'mcp-protocol-version': version }
    assert.deepEqual(modern('tools/list', {}, headers, { [VERSION_KEY]: version }), {
      denied: 'version_unsupported',
      detail: 'unknown protocol revision',
      got: version,
      id: 1,
      era: 'modern',
    })
  })

  const named: [method: string, member: string][] = [
    ['tools/call', 'name'],
    ['prompts/get', 'name'],
    ['resources/read', 'uri'],
    ['tasks/get', 'taskId'],
  ]
  for (const [method, member] of named) {
    test(`mcp-name must be params.${member} of ${method}`, () => {
      const detail = `the mcp-name header is not params.${member} of the body`
      const call = (params: JSONObject, headers: Record<string, string>) =>
        modern(method, params, headers)
      assert.ok('targets' in call({ [member]: 'a' }, { 'mcp-name': 'a' }))
      assert.ok('targets' in call({ [member]: 'a' }, { 'mcp-name': ' a ' }))
      assert.ok('targets' in call({ [member]: 'é' }, { 'mcp-name': '=?base64?w6k=?=' }))
      assert.deepEqual(call({ [member]: 'a' }, { 'mcp-name': 'b' }), mismatch(detail, 'b', 'a'))
      assert.deepEqual(call({ [member]: 'a' }, {}), mismatch(detail, undefined, 'a'))
      assert.deepEqual(call({}, { 'mcp-name': 'a' }), mismatch(detail, 'a', undefined))
      assert.deepEqual(
        call({ [member]: 'é' }, { 'mcp-name': '=?base64?w6k?=' }),
        mismatch(detail, '=?base64?w6k?=', 'é'),
      )
    })
  }

  test('an mcp-name header that cannot be read does not pass for a missing name', () => {
    const refused = modern('tools/call', {}, { 'mcp-name': '=?base64?x?=' })
    assert.equal('denied' in refused && refused.denied !== undefined, true)
  })

  test('an mcp-name header over a method that names nothing is not looked at', () => {
    assert.ok('targets' in modern('tools/list', {}, { 'mcp-name': 'x' }))
  })

  test('a name that neither has is missing, not a mismatch', () => {
    const refused = modern('tools/call')
    assert.deepEqual(refused, {
      denied: 'invalid_name',
      detail: 'the tool is not named by a plain string',
      id: 1,
      era: 'modern',
    })
  })
})

describe('targets (T16, T21)', () => {
  const found: [method: string, params: JSONObject, kind: string, name: string][] = [
    ['tools/call', { name: 'a' }, 'tool', 'a'],
    ['prompts/get', { name: 'a', uri: 'b' }, 'prompt', 'a'],
    ['resources/read', { uri: 'a://b', name: 'c' }, 'resource', 'a://b'],
    ['resources/subscribe', { uri: 'a://b' }, 'resource', 'a://b'],
    ['tasks/result', { taskId: 't' }, 'task', 't'],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'p', uri: 'x' } }, 'prompt', 'p'],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'u', name: 'x' } },
      'template',
      'u',
    ],
  ]
  for (const [method, params, kind, name] of found) {
    test(`${method} ${JSON.stringify(params)} names the ${kind} ${name}`, () =>
      assert.deepEqual(intentOf(legacy(method, params)).targets, [{ kind, name }]))
  }

  const plain = (kind: string) => `the ${kind} is not named by a plain string`
  const TYPE = '"ref.type" is neither ref/prompt nor ref/resource'
  const refused: [method: string, params: JSONObject, detail: string][] = [
    ['tools/call', {}, plain('tool')],
    ['tools/call', { name: 7 }, plain('tool')],
    ['tools/call', { name: ['a'] }, plain('tool')],
    ['tools/call', { name: '' }, plain('tool')],
    ['tools/call', { name: 'a\n' }, plain('tool')],
    ['tools/call', { name: 'x'.repeat(129) }, plain('tool')],
    ['prompts/get', { name: null }, plain('prompt')],
    ['resources/read', { uri: {} }, plain('resource')],
    ['completion/complete', {}, TYPE],
    ['completion/complete', { ref: 'ref/prompt' }, TYPE],
    ['completion/complete', { ref: { type: 'ref/tool', name: 'a' } }, TYPE],
    ['completion/complete', { ref: { type: 'ref/prompt', uri: 'a' } }, plain('prompt')],
    ['completion/complete', { ref: { type: 'ref/resource', name: 'a' } }, plain('template')],
  ]
  for (const [method, params, detail] of refused) {
    test(`${method} ${JSON.stringify(params).slice(0, 60)} is refused`, () =>
      assert.deepEqual(legacy(method, params), {
        denied: 'invalid_name',
        detail,
        id: 1,
        era: 'legacy',
      }))
  }
})

describe('subscriptions (R28, T120)', () => {
  const listen = (notifications: JSONObject | string) =>
    modern('subscriptions/listen', { notifications })

  test('every URI and every task is a target', () => {
    const filter = { resourceSubscriptions: ['a', 'b'], taskIds: ['t'], toolsListChanged: true }
    assert.deepEqual(intentOf(listen(filter)).targets, [
      { kind: 'resource', name: 'a' },
      { kind: 'resource', name: 'b' },
      { kind: 'task', name: 't' },
    ])
  })

  test('no other method has such a filter', () => {
    const params = { notifications: { resourceSubscriptions: ['a'], taskIds: 'x' } }
    assert.deepEqual(intentOf(legacy('tools/list', params)).targets, [])
  })

  test('a filter without names has no target', () => {
    for (const filter of [{}, { resourceSubscriptions: [] }, 'x'])
      assert.deepEqual(intentOf(listen(filter)).targets, [])
    assert.deepEqual(intentOf(modern('subscriptions/listen')).targets, [])
  })

  test('a filter that is odd is refused', () => {
    const refused: [filter: JSONObject, detail: string][] = [
      [{ resourceSubscriptions: 'a' }, '"notifications.resourceSubscriptions" is not an array'],
      [{ resourceSubscriptions: null }, '"notifications.resourceSubscriptions" is not an array'],
      [{ taskIds: {} }, '"notifications.taskIds" is not an array'],
      [{ resourceSubscriptions: ['a', 7] }, 'the resource is not named by a plain string'],
      [{ taskIds: [''] }, 'the task is not named by a plain string'],
      [{ taskIds: Array(1_001).fill('t') }, '"notifications.taskIds" names too much'],
      [
        { resourceSubscriptions: Array(17).fill(`a:${'b'.repeat(4_000)}`) },
        '"notifications.resourceSubscriptions" names too much',
      ],
    ]
    for (const [filter, detail] of refused)
      assert.deepEqual(listen(filter), { denied: 'invalid_name', detail, id: 1, era: 'modern' })
  })
})

describe('a related task (T121)', () => {
  const related = (value: JSONValue) => ({
    name: 'a',
    _meta: { 'io.modelcontextprotocol/related-task': value },
  })

  test('is a target beside what the request names, in both eras', () => {
    const targets = [
      { kind: 'tool', name: 'a' },
      { kind: 'task', name: 't' },
    ]
    assert.deepEqual(intentOf(legacy('tools/call', related({ taskId: 't' }))).targets, targets)
    const { _meta } = related({ taskId: 't' })
    const asked = modern('tools/call', { name: 'a' }, { 'mcp-name': 'a' }, _meta)
    assert.deepEqual(intentOf(asked).targets, targets)
  })

  test('that is not named plainly is refused', () => {
    for (const value of [null, 't', [], {}, { taskId: 7 }, { taskId: 't', task_id: 'u' }])
      assert.deepEqual(legacy('tools/call', related(value)), {
        denied: 'invalid_name',
        detail: 'the task is not named by a plain string',
        id: 1,
        era: 'legacy',
      })
  })
})

describe('calls that may create a task (R31)', () => {
  const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } }

  test('in the legacy era those that ask for one', () => {
    const call = (params: JSONObject) => intentOf(legacy('tools/call', { name: 'a', ...params }))
    assert.equal(call({ task: {} }).mayCreateTask, true)
    assert.equal(call({ task: null }).mayCreateTask, true)
    assert.equal(call({}).mayCreateTask, false)
    assert.equal(call({ _meta: { [CAPABILITIES_KEY]: TASKS } }).mayCreateTask, false)
    const prompt = legacy('prompts/get', { name: 'a', task: {} })
    assert.equal(intentOf(prompt).mayCreateTask, false)
  })

  test('in the modern era those of a client that can take one', () => {
    const call = (capabilities: JSONObject, params: JSONObject = {}) =>
      intentOf(
        modern(
          'tools/call',
          { name: 'a', ...params },
          { 'mcp-name': 'a' },
          { [CAPABILITIES_KEY]: capabilities },
        ),
      )
    assert.equal(call(TASKS).mayCreateTask, true)
    assert.equal(call({}).mayCreateTask, false)
    assert.equal(call({ extensions: {} }).mayCreateTask, false)
    assert.equal(call({ extensions: [] as never }).mayCreateTask, false)
    assert.equal(call({}, { task: {} }).mayCreateTask, false)
    const none = modern('tools/call', { name: 'a' }, { 'mcp-name': 'a' })
    assert.equal(intentOf(none).mayCreateTask, false)
    const prompt = modern(
      'prompts/get',
      { name: 'a' },
      { 'mcp-name': 'a' },
      { [CAPABILITIES_KEY]: TASKS },
    )
    assert.equal(intentOf(prompt).mayCreateTask, false)
  })
})
