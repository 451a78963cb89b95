import assert from 'node:assert/strict'
import { createCipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import test from 'node:test'
import { createSealer } from '../../proxy/identity/session.ts'

const secret = randomBytes(32)
const alice = { iss: 'https://idp.example', sub: 'alice' }
const bob = { iss: 'https://idp.example', sub: 'bob' }
const { seal, open, hash } = createSealer(secret)

test('a sealed session opens for its owner, always under the same visible ASCII id', () => {
  const sealed = seal('7f0c-upstream', alice)
  assert.match(sealed, /^[A-Za-z0-9_-]+$/)
  assert.equal(seal('7f0c-upstream', alice), sealed)
  assert.equal(open(sealed, alice), '7f0c-upstream')
  assert.equal(sealed.includes('upstream'), false)
})

test('another replica with the same key opens it, one with another key does not (T116)', () => {
  const sealed = seal('s', alice)
  assert.equal(createSealer(Uint8Array.from(secret)).open(sealed, alice), 's')
  assert.equal(createSealer(randomBytes(32)).open(sealed, alice), undefined)
})

test('nobody but the owner opens a session (T112)', () => {
  const sealed = seal('s', alice)
  assert.equal(open(sealed, bob), undefined)
  assert.equal(open(sealed, { ...alice, iss: 'https://idp.example/' }), undefined)
  assert.notEqual(seal('s', bob), sealed)
})

test('names that meet at their border are different owners (T58)', () => {
  assert.equal(open(seal('s', { iss: 'ab', sub: 'c' }), { iss: 'a', sub: 'bc' }), undefined)
  assert.equal(open(seal('s', { iss: 'a', sub: '' }), { iss: '', sub: 'a' }), undefined)
})

test('a flipped bit anywhere closes the session', () => {
  const bytes = Buffer.from(seal('session', alice), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const forged = Buffer.from(bytes)
    forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assert.equal(open(forged.toString('base64url'), alice), undefined)
  }
})

for (const id of ['a', 'ab', 'abc']) {
  test(`only the one canonical spelling of ${id} opens (T66)`, () => {
    const sealed = seal(id, alice)
    const last = sealed.at(-1) as string
    const twins = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .filter((character) => character !== last)
      .map((character) => sealed.slice(0, -1) + character)
    const variants = [
      ...['', 'x', 'AAAA', `${sealed}=`, ` ${sealed}`, `${sealed}\n`, sealed.slice(0, -1)],
      ...[`${sealed}!`, `!${sealed}`, `${sealed.slice(0, 9)} ${sealed.slice(9)}`, '\ud800'],
      ...[`${sealed}${sealed}`, 'A'.repeat(37), 'A'.repeat(1_025), 'A'.repeat(1_000_000)],
    ]
    assert.equal(open(sealed, alice), id)
    for (const variant of [...twins, ...variants]) assert.equal(open(variant, alice), undefined)
  })
}

/** Seals by the letter of the format, whatever the id: what other releases and replicas do. */
function sealByHand(id: string, owner: typeof alice): string {
  const derive = (label: string) => Buffer.from(hkdfSync('sha256', secret, '', label, 32))
  const bound = Buffer.concat(
    [owner.iss, owner.sub].flatMap((name) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(Buffer.byteLength(name))
      return [length, Buffer.from(name)]
    }),
  )
  const nonce = createHmac('sha256', derive('toolstile session nonce v1'))
  const iv = nonce.update(bound).update(id).digest().subarray(0, 12)
  const cipher = createCipheriv('aes-256-gcm', derive('toolstile session seal v1'), iv).setAAD(
    bound,
  )
  const sealed = [iv, cipher.update(id), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(sealed).toString('base64url')
}

test('the format is that of other replicas and releases (T116)', () => {
  for (const owner of [alice, { iss: '', sub: 'é' }])
    for (const id of ['s', '7f0c-upstream', 'a'.repeat(3_044)]) {
      assert.equal(seal(id, owner), sealByHand(id, owner))
      assert.equal(open(sealByHand(id, owner), owner), id)
    }
})

test('what is sealed rightly, but too long or empty, does not open', () => {
  assert.equal(open(sealByHand('a'.repeat(3_045), alice), alice), undefined)
  assert.equal(open(sealByHand('', alice), alice), undefined)
})

test('an upstream id that MCP does not allow is a fault, the longest allowed one is not', () => {
  for (const id of ['', 'a b', 'a\r\nb', '\u00e9', 'a'.repeat(3045)]) {
    assert.throws(() => seal(id, alice), {
      code: 'SESSION_ID_INVALID',
      message: 'the session id is not 1 to 3044 visible ASCII characters',
    })
  }
  const longest = seal('a'.repeat(3044), alice)
  assert.equal(longest.length, 4096)
  assert.equal(open(longest, alice), 'a'.repeat(3044))
})

test('10,000 sessions give 10,000 ids and as many nonces', () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => seal(`s${index}`, alice))
  assert.equal(new Set(ids.map((id) => id.slice(0, 16))).size, 10_000)
})

test('a short key is our own mistake', () => {
  assert.throws(() => createSealer(randomBytes(31)), {
    name: 'TypeError',
    message: 'the session key is shorter than 32 bytes',
  })
})

test('the log sees 16 hex digits of a session (T114)', () => {
  assert.equal(hash('abc'), 'ba7816bf8f01cfea')
})

test('what was opened before opens again for its owner alone, in any order (T112)', () => {
  const [first, second] = [seal('first', alice), seal('second', alice)]
  const again = { ...alice }
  for (let round = 0; round < 3; round++) {
    assert.equal(open(first, alice), 'first')
    assert.equal(open(first, alice), 'first')
    assert.equal(open(first, bob), undefined)
    assert.equal(open(`${first}A`, alice), undefined)
    assert.equal(open(first, again), 'first')
    assert.equal(open(second, alice), 'second')
    assert.equal(open(second, bob), undefined)
    assert.equal(open(seal('of-bob', bob), bob), 'of-bob')
    assert.equal(open(seal('of-bob', bob), alice), undefined)
  }
})
