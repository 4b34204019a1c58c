import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/**
 * Bundles src/ and the packages that it uses into a few files of dist/. A command starts in half the time that it takes to find and load
 * seven hundred of them, and a package of chanter needs no node_modules but koffi's, which is machine code.
 */
const { metafile } = await build({
  entryPoints: {
    main: at('src/main.ts'),
    worker: at('src/dataplane/thread/worker.ts'),
    container: at('src/container.ts'),
  },
  outdir: at('dist'),
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node22.12',
  format: 'esm',
  external: ['koffi'],
  sourcemap: true,
  sourcesContent: false,
  // Node keeps the text of each file in memory, with two octets a character where one of them, as in a comment, is not of Latin-1
  minifyWhitespace: true,
  lineLimit: 200,
  legalComments: 'external',
  logLevel: 'warning',
  metafile: true,
  // what CommonJS packages ask Node for
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'\nconst require = requireOf(import.meta.url)",
  },
})

// not before the new one is there: what was built last is in use
const made = new Set(Object.keys(metafile.outputs).map((file) => basename(file)))
for (const file of readdirSync(at('dist')))
  if (!made.has(file)) rmSync(at(`dist/${file}`), { recursive: true })

/** The folders of the packages that files of the bundle come from. */
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((file) => /.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []),
)
// who passes the bundle on passes their licences on
writeFileSync(at('dist/licenses.txt'), [...packages].sort().map(licenseOf).join('\n'))

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
  const text = file === undefined ? `${license}\n` : readFileSync(join(folder, file), 'utf8')
  return `${'='.repeat(80)}\n${name} ${version}\n\n${text}`
}
