// Holds the sources to the house style: what a reviewer would otherwise have to see every time.
// A rule that fails is a fault of the code it names, never a reason to loosen the rule.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SETTINGS } from '../proxy/config.ts'
import { DENIALS } from '../proxy/denials.ts'
import { createMetrics } from '../proxy/observe/metrics.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const SKIPPED = new Set(['node_modules', 'dist', 'out', '.git'])

function filesUnder(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (SKIPPED.has(entry.name)) return []
    if (entry.isDirectory()) return filesUnder(path)
    return entry.isFile() ? [path] : []
  })
}

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const ALL = filesUnder('')
const SOURCES = ALL.filter((path) => /^(proxy|upstream|test|tools|bench)\/.*\.ts$/.test(path))
const PROXY = SOURCES.filter((path) => path.startsWith('proxy/'))
const THIS = 'test/shape.test.ts'

/** The code of a file without its comments; strings stay, so a rule may be too strict, never lax. */
function codeOf(path: string): string {
  return textOf(path)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** What a file imports: paths from the root for its own, names for packages. */
function importsOf(path: string): readonly string[] {
  const found = codeOf(path).matchAll(/(?:^|\s)(?:import|export)\s[^'"]*?from '([^']+)'/g)
  const dynamic = codeOf(path).matchAll(/import\('([^']+)'\)/g)
  const bare = codeOf(path).matchAll(/^import '([^']+)'/gm)
  return [...found, ...dynamic, ...bare].map(([, name = '']) =>
    name.startsWith('.') ? relative(ROOT, join(ROOT, dirname(path), name)) : name,
  )
}

/** Asserts that no file has a fault, and names all that have. */
function assertNone(faults: readonly (string | undefined)[]): void {
  assert.deepEqual(
    faults.filter((fault) => fault !== undefined),
    [],
  )
}

describe('files', () => {
  test('no source has more than 250 lines, but for types and tests', () => {
    const bound = SOURCES.filter((path) => path !== 'proxy/types.ts' && !path.startsWith('test/'))
    assertNone(
      bound.map((path) => {
        const lines = textOf(path).trimEnd().split('\n').length
        return lines > 250 ? `${path} has ${lines} lines` : undefined
      }),
    )
  })
  test('each source but the tests says first what it is for', () => {
    const opens = /^(#!.*\n)?\/\/ \S/
    const bound = SOURCES.filter((path) => !path.endsWith('.test.ts'))
    assertNone(bound.map((path) => (opens.test(textOf(path)) ? undefined : path)))
  })
  test('no file names a path of a machine or a package registry', () => {
    // Written in parts, so that this file passes its own rule.
    const machine = new RegExp(`(^|[\\s"'\`(=])/${'work'}/|/${'home'}/[a-z]|/${'root'}/`, 'm')
    const registry = new RegExp(`${'registry'}\\.[a-z-]+\\.(org|com|dev|io)|${'npm'}js\\.org`)
    assertNone(
      ALL.map((path) => {
        const text = textOf(path)
        if (machine.test(text)) return `${path} names a path of a machine`
        return registry.test(text) ? `${path} names a package registry` : undefined
      }),
    )
  })
})

describe('imports', () => {
  test('stages are imported by the pipeline alone', () => {
    const users = PROXY.filter((path) => path !== 'proxy/pipeline.ts')
    assertNone(
      users.flatMap((path) =>
        importsOf(path)
          .filter((name) => name.startsWith('proxy/stages/'))
          .map((name) => `${path} imports ${name}`),
      ),
    )
  })
  test('wire imports wire and types, no package and nothing of node', () => {
    const wire = PROXY.filter((path) => path.startsWith('proxy/wire/'))
    assertNone(
      wire.flatMap((path) =>
        importsOf(path)
          .filter((name) => !name.startsWith('proxy/wire/') && name !== 'proxy/types.ts')
          .map((name) => `${path} imports ${name}`),
      ),
    )
  })
  test('imports point one way', () => {
    assertNone(
      PROXY.flatMap((path) =>
        importsOf(path)
          .filter((name) => name.startsWith('proxy/') && layerOf(name) > layerOf(path))
          .map((name) => `${path} imports ${name}`),
      ),
    )
  })
  test('no import goes in a circle', () => {
    const graph = new Map(
      PROXY.map((path) => [path, importsOf(path).filter((name) => name.startsWith('proxy/'))]),
    )
    const done = new Set<string>()
    const circle = (path: string, way: readonly string[]): string | undefined => {
      if (way.includes(path)) return [...way, path].join(' -> ')
      if (done.has(path)) return undefined
      const found = graph
        .get(path)
        ?.map((next) => circle(next, [...way, path]))
        .find((fault) => fault !== undefined)
      done.add(path)
      return found
    }
    assertNone(PROXY.map((path) => circle(path, [])))
  })
  test('the server and the proxy do not know each other', () => {
    const crossing = SOURCES.filter((path) => /^(proxy|upstream)\//.test(path)).flatMap((path) => {
      const other = path.startsWith('proxy/') ? 'upstream/' : 'proxy/'
      return importsOf(path).filter((name) => name.startsWith(other))
    })
    assertNone(crossing)
  })
})

/** main, cli, start and server, pipeline, stages, the four folders below them, the tables, types. */
const LAYERS: readonly RegExp[] = [
  /^proxy\/(types|values|denials|watch)\.ts$/,
  /^proxy\/wire\//,
  /^proxy\/(config|configure|limits|refuse|respond|send)\.ts$/,
  /^proxy\/(identity|policy|observe|upstream)\//,
  /^proxy\/relaying\.ts$/,
  /^proxy\/stages\//,
  /^proxy\/pipeline\.ts$/,
  /^proxy\/(server|start|drain|connections|broken|listen)\.ts$/,
  /^proxy\/cli\//,
  /^proxy\/main\.ts$/,
]

function layerOf(path: string): number {
  const layer = LAYERS.findIndex((pattern) => pattern.test(path))
  assert.notEqual(layer, -1, `${path} has no place in the layers`)
  return layer
}

describe('code', () => {
  const rules: readonly (readonly [string, RegExp, readonly string[]])[] = [
    ['process.env is read in main.ts alone', /process\.env\b/, ['proxy/main.ts']],
    ['a Permit is made in authorize.ts alone', /\bas Permit\b/, ['proxy/stages/authorize.ts']],
    ['no token is read without being verified (T59)', /\bdecodeJwt\b/, []],
    ['the HTTP parser is never lenient (T30)', /insecureHTTPParser:\s*true|lenient/i, []],
    ['there are no default exports', /^export default\b/m, []],
    ['nothing is typed any', /:\s*any\b|\bas any\b|<any>/, []],
    ['nothing is silenced', /@ts-(ignore|nocheck|expect-error)|biome-ignore/, []],
    ['nothing is evaluated', /\beval\(|new Function\(/, []],
  ]
  for (const [name, pattern, allowed] of rules) {
    test(name, () => {
      const bound = [...PROXY, ...SOURCES.filter((path) => path.startsWith('upstream/'))]
      assertNone(
        bound.map((path) =>
          pattern.test(codeOf(path)) && !allowed.includes(path) ? path : undefined,
        ),
      )
    })
  }
  test('no program is started with a lenient parser (T30)', () => {
    const flag = new RegExp(`--insecure-${'http'}-parser`)
    assertNone(ALL.map((path) => (path !== THIS && flag.test(textOf(path)) ? path : undefined)))
  })
})

describe('docs', () => {
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ['every reason', 'docs/denials.md', Object.keys(DENIALS)],
    ['every setting', 'docs/configuration.md', Object.values(SETTINGS).map(({ name }) => name)],
    ['every metric', 'docs/metrics.md', metricNames()],
    ['every stage', 'docs/request-path.md', readdirSync(join(ROOT, 'proxy/stages'))],
    ['every reason', 'docs/request-path.md', Object.keys(DENIALS)],
    ['every dependency', 'docs/decisions/0002-dependencies.md', dependencyNames()],
  ]
  for (const [what, page, names] of rows) {
    test(`${what} is in ${page}`, () => {
      const text = textOf(page)
      assert.notEqual(names.length, 0)
      assertNone(names.map((name) => (text.includes(`\`${name}\``) ? undefined : name)))
    })
  }
  test('every link inside the documents leads to a file', () => {
    const pages = ALL.filter((path) => path.endsWith('.md') && !path.startsWith('documents/'))
    assertNone(
      pages.flatMap((page) =>
        [...textOf(page).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
          .map(([, target = '']) => target)
          .filter((target) => !/^[a-z]+:/.test(target))
          .filter((target) => !ALL.includes(join(dirname(page), target)))
          .map((target) => `${page} links to ${target}`),
      ),
    )
  })
  test('README.md names the test command on a line of its own', () =>
    assert.match(textOf('README.md'), /^npm test$/m))
})

function metricNames(): readonly string[] {
  const { registry } = createMetrics('test')
  const names = registry.getMetricsAsArray().map(({ name }) => name)
  registry.clear()
  return names.filter((name) => !/^(process|nodejs)_/.test(name) || name.endsWith('_ratio'))
}

type Package = {
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

function packageFile(): Package {
  return JSON.parse(textOf('package.json')) as Package // our own file
}

function dependencyNames(): readonly string[] {
  const { dependencies, optionalDependencies, devDependencies } = packageFile()
  return Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies })
}

describe('package', () => {
  test('there are at most twelve scripts and eight runtime dependencies', () => {
    const { scripts, dependencies } = packageFile()
    assert.ok(Object.keys(scripts).length <= 12)
    assert.ok(Object.keys(dependencies).length <= 8)
  })
  test('every version is exact', () => {
    const { dependencies, optionalDependencies, devDependencies } = packageFile()
    const all = Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies })
    const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/
    assertNone(all.map(([name, version]) => (exact.test(version) ? undefined : name)))
  })
  test('the lockfile names no host to fetch from', () => {
    assert.doesNotMatch(textOf('package-lock.json'), /"resolved"/)
  })
  test('nothing that is installed runs a script of its own (T156)', () => {
    assert.doesNotMatch(textOf('package-lock.json'), /"hasInstallScript"/)
  })
})
