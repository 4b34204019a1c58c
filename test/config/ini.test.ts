import { describe, expect, test } from 'vitest'
import { parseIni } from '../../src/config/ini.ts'

function read(text: string): string[] {
  return parseIni(text, 'f.conf').assignments.map(
    ({ section, option, value }) => `${section}.${option}=${value}`,
  )
}

describe('oslo.config reads files so', () => {
  test.each([
    ['= assigns', '[BGP]\nmy_as=64512', ['BGP.my_as=64512']],
    [': assigns', '[BGP]\nmy_as: 64512', ['BGP.my_as=64512']],
    ['the first of = and : assigns', '[A]\na=b:c\nd:e=f', ['A.a=b:c', 'A.d=e=f']],
    ['blanks around names and values do not count', '[A]\r\na  =  b \r\n', ['A.a=b']],
    ['# and ; start a comment at the line start', '[A]\n# a=1\n;b=2\nc=3', ['A.c=3']],
    ['elsewhere # and ; belong to the value', '[A]\na=b # c ; d', ['A.a=b # c ; d']],
    ['an indented line continues the value', '[A]\na=1,\n  2,\n\t3\nb=4', ['A.a=1,\n2,\n3', 'A.b=4']],
    [
      'a pair of quotes is dropped',
      '[A]\na="1"\nb=\'2\'\nc="3\'\nd="',
      ['A.a=1', 'A.b=2', 'A.c="3\'', 'A.d="'],
    ],
    ['a value may be empty', '[A]\na=', ['A.a=']],
    ['a section may come twice', '[A]\na=1\n[B]\nb=2\n[A]\na=3', ['A.a=1', 'B.b=2', 'A.a=3']],
    ['a section name may have any character', '[a b=c]\nd=e', ['a b=c.d=e']],
    ['names that JavaScript knows are names', '[__proto__]\nconstructor=1', ['__proto__.constructor=1']],
  ])('%s', (_, text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  test('each assignment knows its line', () => {
    expect(parseIni('# head\n[A]\n\na=1\n  2\nb=3', 'f.conf').assignments.map(({ line }) => line)).toEqual([
      4, 6,
    ])
  })

  test.each([
    [
      'an assignment before any section',
      'a=1',
      'f.conf line 1: "a=1" cannot be read: no [section] stands above it',
    ],
    ['an unclosed section', '[A', 'f.conf line 1: "[A" cannot be read: a section is written [name]'],
    ['a nameless section', '[]', 'f.conf line 1: "[]" cannot be read: a section is written [name]'],
    [
      'neither = nor :',
      '[A]\nhello',
      'f.conf line 2: "hello" cannot be read: an option is written name = value',
    ],
    ['no name', '[A]\n=1', 'f.conf line 2: "=1" cannot be read: an option is written name = value'],
    [
      'a continuation of nothing',
      '[A]\n\n  b=1',
      'f.conf line 3: "  b=1" cannot be read: it is indented, but there is no option above it to continue',
    ],
  ])('%s is refused', (_, text, message) => {
    expect(parseIni(text, 'f.conf').findings).toMatchObject([{ severity: 'error', message }])
  })

  test('each line that cannot be read is found, and the rest is read', () => {
    const { assignments, findings } = parseIni('a=1\n[A\nb=2\n[B]\nhello\nc=3', 'f.conf')
    expect(findings.map(({ line }) => line)).toEqual([1, 2, 5])
    expect(assignments.map(({ option }) => option)).toEqual(['c'])
  })
})
