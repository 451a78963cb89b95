// Faults of the policy file (T86): broken, empty, gone, or half there, it never opens anything, and the
// last good policy serves until a good file is back.

import {
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bench, holdAll, POLICY } from './bench.ts'

const write = (text: string | Buffer) => (bench: Bench) => writeFileSync(bench.policyFile, text)

const ROWS: readonly (readonly [string, (bench: Bench) => void])[] = [
  ['is no YAML', write('tools: [')],
  ['is empty', write('')],
  ['has another schema', write('version: 1\nrules: []\n')],
  ['is of another version', write(POLICY.replace('version: 1', 'version: 2'))],
  ['allows everything in a way that is not known', write('version: 1\ntools: { "*": allow }\n')],
  ['is no UTF-8', write(Buffer.from([0xff, 0xfe, 0x00]))],
  ['is cut in the middle', write(POLICY.slice(0, -9))],
  ['is gone', ({ policyFile }) => rmSync(policyFile)],
  [
    'is a folder',
    ({ policyFile }) => {
      rmSync(policyFile)
      mkdirSync(policyFile)
    },
  ],
]

test('T86 a policy file that goes bad leaves the last good policy in force', async (t) => {
  await holdAll(
    t,
    ROWS.map(([what, breaks], i) => ({
      name: `T86 a policy file that ${what}`,
      breaks,
      shows: ({ logged }) => logged('the policy file is bad; the last good one stays'),
      allowed: /^200$/,
      repair: async ({ policyFile, logged }) => {
        rmSync(policyFile, { recursive: true, force: true })
        // Not the same text: that this one is read shows that the file is watched again.
        writeFileSync(`${policyFile}.new`, `${POLICY}# ${i}\n`)
        renameSync(`${policyFile}.new`, policyFile)
        await logged('the policy was reloaded')
      },
    })),
  )
})

test('T86 a policy that changes under load does so at once, and never before it is whole', async (t) => {
  await holdAll(t, [
    {
      name: 'T86 a policy file that is being written does not count before it is whole',
      breaks: () => undefined,
      shows: async ({ policyFile, logged }) => {
        const file = openSync(policyFile, 'w')
        // Without its last line the file lets everybody use every tool that begins with s.
        for (const line of `# rewritten\n${POLICY}`.split(/(?<=\n)/)) {
          writeSync(file, line)
          await sleep(60) // The writer is slow, that is all: POLICY_POLL is 100 ms.
        }
        closeSync(file)
        await logged('the policy was reloaded')
      },
      allowed: /^200$/,
      repair: () => undefined,
    },
    {
      name: 'T86 a policy that takes a right away does so under load, and gives it back',
      breaks: ({ policyFile }) =>
        writeFileSync(policyFile, POLICY.replace('scopes: [read]', 'scopes: [other]')),
      shows: ({ logged }) => logged('the policy was reloaded'),
      // A denied tool is not in the list either.
      allowed: /^(200 -31403|200 with )$/,
      repair: ({ policyFile }) => writeFileSync(policyFile, POLICY),
    },
  ])
})
