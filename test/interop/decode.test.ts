import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../../src/lab/command.ts'
import { chanter } from '../support/cli.ts'

const MESSAGE_TYPES = ['', 'OPEN', 'UPDATE', 'NOTIFICATION', 'KEEPALIVE', 'ROUTE-REFRESH']
const ATTRIBUTE = 'bgp.update.path_attribute'

/** A message in few words: the packet that ends it, its type and length, and of an UPDATE attributes and numbers of routes. */
interface Summary {
  readonly frame: number
  readonly type: string
  readonly length: number
  readonly attributes: readonly number[]
  readonly reach: number
  readonly unreach: number
}

type Tree = Record<string, unknown>

/** What tshark writes once without a list, several times as one. */
function listOf(value: unknown): Tree[] {
  return value === undefined || value === '' ? [] : ([value].flat() as Tree[])
}

async function byTshark(file: string): Promise<Summary[]> {
  const output = await run(
    'tshark',
    '-r',
    file,
    '-Y',
    'bgp',
    '-T',
    'json',
    '--no-duplicate-keys',
    '-J',
    'frame bgp',
  )
  const packets = JSON.parse(output) as { _source: { layers: { frame: Tree; bgp: unknown } } }[]
  return packets.flatMap(({ _source: { layers } }) =>
    listOf(layers.bgp).map((message): Summary => {
      const attributes = listOf(message['bgp.update.path_attributes']).flatMap((all) =>
        listOf(all[ATTRIBUTE]),
      )
      const routes = (kind: string): number =>
        attributes
          .flatMap((attribute) => listOf(attribute[`${ATTRIBUTE}.${kind}`]))
          .flatMap(({ 'bgp.nlri_path_id': _, ...nlri }) => Object.values(nlri).flatMap(listOf)).length
      return {
        frame: Number(layers.frame['frame.number']),
        type: MESSAGE_TYPES[Number(message['bgp.type'])]!,
        length: Number(message['bgp.length']),
        attributes: attributes.map((attribute) => Number(attribute[`${ATTRIBUTE}.type_code`])),
        reach: routes('mp_reach_nlri'),
        unreach: routes('mp_unreach_nlri'),
      }
    }),
  )
}

async function byChanter(file: string): Promise<Summary[]> {
  const { output, error } = await chanter('decode', '--json', file)
  expect(error).toBeUndefined()
  const routes = (lists: { nlri: unknown[] }[] = []): number => lists.flatMap(({ nlri }) => nlri).length
  return JSON.parse(output).map(
    ({ frame, type, length, attributes = [], reach, unreach }: Tree): Summary => ({
      frame: frame as number,
      type: type as string,
      length: length as number,
      attributes: (attributes as { code: number }[]).map(({ code }) => code),
      reach: routes(reach as { nlri: unknown[] }[]),
      unreach: routes(unreach as { nlri: unknown[] }[]),
    }),
  )
}

test.each([
  ['session.pcapng', 45],
  ['add-path.pcap', 19],
  ['cooked.pcap', 9],
  ['cooked2.pcapng', 9],
])('tshark sees the same in %s', async (name, messages) => {
  const file = fileURLToPath(new URL(`../../fixtures/decode/${name}`, import.meta.url))
  const theirs = await byTshark(file)
  expect(theirs).toHaveLength(messages)
  expect(await byChanter(file)).toEqual(theirs)
})
