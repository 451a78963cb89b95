// Answers to tools/list whose HTTP framing is hostile: lengths, chunks, trailers, interim and second
// answers (T35, T130, T134). What is no whole answer is a 502, never a part of one.

import { test } from 'node:test'
import { chunked, whole } from '../support/hostile.ts'
import { HIDDEN, LIST, type Row, startBench } from './answers.ts'

const JSON_TYPE = 'content-type: application/json'
const EVENT = `data: ${LIST}\n\n`
const LENGTH = `content-length: ${LIST.length}`
const OK = 'HTTP/1.1 200 OK\r\n'
const raw = (...lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1')
const shown = { shows: true, status: 200 } as const
const refused = { status: 502 } as const

const FRAMING: readonly Row[] = [
  {
    name: '103 first',
    answer: Buffer.concat([raw('HTTP/1.1 103 x', `link: <${HIDDEN}>`, '', ''), whole(LIST)]),
    ...shown,
  },
  {
    name: '102 first',
    answer: Buffer.concat([raw('HTTP/1.1 102 x', '', ''), whole(LIST)]),
    ...shown,
  },
  {
    name: '103 without end',
    answer: raw(...Array(9).fill('HTTP/1.1 103 x\r\n'), ''),
    ...refused,
  },
  {
    name: '100 first',
    answer: Buffer.concat([raw('HTTP/1.1 100 Continue', '', ''), whole(LIST)]),
    ...shown,
  },
  {
    name: '101 first',
    answer: Buffer.concat([
      raw('HTTP/1.1 101 x', 'upgrade: h2c', 'connection: upgrade', '', ''),
      whole(LIST),
    ]),
    ...refused,
  },
  {
    name: 'a length that is too short',
    answer: raw(`${OK}${JSON_TYPE}`, 'content-length: 60', '', LIST),
    ...refused,
  },
  {
    name: 'a length that is too long',
    answer: raw(`${OK}${JSON_TYPE}`, 'content-length: 999', '', LIST),
    closes: true,
    ...refused,
  },
  {
    name: 'two lengths',
    answer: raw(`${OK}${JSON_TYPE}`, 'content-length: 2', LENGTH, '', LIST),
    ...refused,
  },
  {
    name: 'a negative length',
    answer: raw(`${OK}${JSON_TYPE}`, 'content-length: -1', '', LIST),
    ...refused,
  },
  {
    name: 'a hexadecimal length',
    answer: raw(`${OK}${JSON_TYPE}`, 'content-length: 0x5', '', LIST),
    ...refused,
  },
  {
    name: 'a length and chunks',
    answer: raw(`${OK}${JSON_TYPE}`, LENGTH, 'transfer-encoding: chunked', '', '0', '', LIST),
    ...refused,
  },
  { name: 'no length', answer: raw(`${OK}${JSON_TYPE}`, '', LIST), closes: true, ...shown },
  { name: 'HTTP/1.0', answer: raw('HTTP/1.0 200 OK', JSON_TYPE, '', LIST), closes: true, ...shown },
  { name: 'HTTP/2.0', answer: raw('HTTP/2.0 200 OK', JSON_TYPE, LENGTH, '', LIST), ...refused },
  {
    name: 'chunks of garbage',
    answer: raw(`${OK}${JSON_TYPE}`, 'transfer-encoding: chunked', '', LIST),
    ...refused,
  },
  {
    name: 'a chunk that is cut',
    answer: chunked(LIST, [JSON_TYPE]).subarray(0, -9),
    closes: true,
    ...refused,
  },
  {
    name: 'no last chunk',
    answer: chunked(LIST, [JSON_TYPE]).subarray(0, -5),
    closes: true,
    ...refused,
  },
  {
    name: 'events without a last chunk',
    answer: chunked(EVENT).subarray(0, -5),
    closes: true,
    shows: true,
    broken: true,
  },
  {
    name: 'a chunk extension that names it',
    answer: raw(
      `${OK}${JSON_TYPE}`,
      'transfer-encoding: chunked',
      '',
      `${LIST.length.toString(16)};x=${HIDDEN}`,
      LIST,
      '0',
      '',
      '',
    ),
    ...shown,
  },
  {
    name: 'trailers that name it (T35)',
    answer: raw(
      `${OK}${JSON_TYPE}`,
      'transfer-encoding: chunked',
      '',
      LIST.length.toString(16),
      LIST,
      '0',
      `x: ${HIDDEN}`,
      '',
      '',
    ),
    ...shown,
  },
  {
    name: 'gzip as transfer encoding',
    answer: raw(
      `${OK}${JSON_TYPE}`,
      'transfer-encoding: gzip, chunked',
      '',
      '5',
      'abcde',
      '0',
      '',
      '',
    ),
    ...refused,
  },
  {
    name: 'bare LF',
    answer: Buffer.from(`HTTP/1.1 200 OK\n${JSON_TYPE}\n${LENGTH}\n\n${LIST}`),
    ...refused,
  },
  {
    name: 'a folded header',
    answer: raw(`${OK}${JSON_TYPE}`, ` ${HIDDEN}`, LENGTH, '', LIST),
    ...refused,
  },
  {
    name: 'bytes before the status line',
    answer: Buffer.concat([Buffer.from(LIST), whole(LIST)]),
    ...refused,
  },
  { name: 'no HTTP at all', answer: Buffer.from(LIST), closes: true, ...refused },
  { name: 'nothing', answer: Buffer.alloc(0), closes: true, ...refused },
  { name: 'half a head', answer: Buffer.from(`${OK}x: ${HIDDEN}`), closes: true, ...refused },
  { name: 'TLS', answer: Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), ...refused },
  {
    name: 'a second answer nobody asked for (T130)',
    answer: Buffer.concat([whole(LIST), whole(LIST)]),
    ...shown,
  },
]

test('hostile framing of a list passes nothing unread (T134)', async (t) => {
  const bench = await startBench(t)
  for (const row of FRAMING) await t.test(row.name, () => bench.run(row))
  await t.test('the proxy is alive and recorded each of them once', () => bench.alive())
})
