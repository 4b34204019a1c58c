import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** The pages for people: what they point to exists. */
const read = (path: string): string => readFileSync(path, 'utf8')
const PAGES = globSync(['*.md', 'docs/**/*.md'])

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

function anchorsOf(page: string): Set<string> {
  const text = read(page).replace(/^```.*?^```/gms, '')
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!)))
}

function brokenLinks(page: string): string[] {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [path, anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path!)
    return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).has(anchor))
  })
}

test.each(PAGES)('links of %s lead somewhere', (page) => expect(brokenLinks(page)).toEqual([]))

describe('ARCHITECTURE.md', () => {
  const text = read('ARCHITECTURE.md').replace(/^```.*?^```/gms, '')
  const words = [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word!)
  const sources = globSync('src/**/*.ts').map(read)

  test('names files and folders that exist', () => {
    const paths = words.filter((word) => /^(src|test|docs|bench|scripts|fixtures)\//.test(word))
    expect(paths.length).toBeGreaterThan(50)
    expect(paths.filter((path) => !existsSync(path))).toEqual([])
  })

  test('names methods that exist', () => {
    const methods = words.filter((word) => /^[A-Z]\w+\.\w+$/.test(word) && !word.endsWith('.md'))
    expect(methods.length).toBeGreaterThan(20)
    const isThere = (word: string) => {
      const [type, member] = word.split('.')
      const declared = sources.filter((source) => new RegExp(`(class|interface) ${type}\\b`).test(source))
      return declared.some((source) => new RegExp(`\\b${member}\\b`).test(source))
    }
    expect(methods.filter((word) => !isThere(word))).toEqual([])
  })

  test('names every room of the source', () => {
    const rooms = globSync('src/*', { withFileTypes: true }).filter((one) => one.isDirectory())
    expect(rooms.map(({ name }) => `src/${name}`).filter((room) => !words.includes(room))).toEqual([])
  })
})

test('the licence is the same in all files', () => {
  expect(read('LICENSE')).toContain('Apache License')
  expect(JSON.parse(read('package.json')).license).toBe('Apache-2.0')
  expect(read('Dockerfile')).toContain('org.opencontainers.image.licenses="Apache-2.0"')
})

test('a package has the pages that README links to', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] }
  const linked = [...read('README.md').matchAll(/\]\((\w+(?:\.md)?)\)/g)].map(([, page]) => page!)
  expect(linked.length).toBeGreaterThan(4)
  expect(linked.filter((page) => !files.includes(page))).toEqual([])
})
