import { LazyObject } from '../json-stream.ts'

/** A node in the looking glass. Its kind decides how its parent shows it. */
export type Node =
  /** Shown within its parent. */
  | { readonly kind: 'inline'; readonly value: () => unknown }
  /** A link in its parent. Values may hold what `jsonStream` takes. */
  | { readonly kind: 'leaf'; readonly value: () => unknown }
  | { readonly kind: 'tree'; readonly children: () => Readonly<Record<string, Node>> }
  | {
      readonly kind: 'collection'
      readonly list: () => readonly Item[]
      readonly item: (id: string) => Node | undefined
    }

export interface Item {
  readonly id: string
  readonly [key: string]: unknown
}

export const inline = (value: () => unknown): Node => ({ kind: 'inline', value })
export const leaf = (value: () => unknown): Node => ({ kind: 'leaf', value })
export const tree = (children: () => Readonly<Record<string, Node>>): Node => ({ kind: 'tree', children })

export function collection(list: () => readonly Item[], item: (id: string) => Node | undefined): Node {
  return { kind: 'collection', list, item }
}

/** The node at `path` below `node`; undefined when there is none. */
export async function find(node: Node, path: readonly string[]): Promise<Node | undefined> {
  const [first, ...rest] = path
  if (first === undefined) return node
  const child = await childOf(node, first)
  return child === undefined ? undefined : find(child, rest)
}

async function childOf(node: Node, name: string): Promise<Node | undefined> {
  switch (node.kind) {
    case 'collection':
      return node.item(name)
    case 'tree':
      return member(node.children(), name)
    default: {
      const value = await node.value()
      if (value instanceof LazyObject) return memberOf(value, name)
      if (typeof value !== 'object' || value === null) return undefined
      if (Symbol.iterator in value || Symbol.asyncIterator in value) return undefined
      return Object.hasOwn(value, name) ? leaf(() => member(value, name)) : undefined
    }
  }
}

function memberOf({ members }: LazyObject, name: string): Node | undefined {
  for (const one of members()) if (one?.[0] === name) return leaf(() => one[1])
  return undefined
}

function member<T>(of: Readonly<Record<string, T>> | object, name: string): T | undefined {
  return Object.entries(of).find(([key]) => key === name)?.[1]
}

/** The answer to a GET on the node; `href` is the node's own address. */
export function show(node: Node, href: string): unknown {
  switch (node.kind) {
    case 'inline':
    case 'leaf':
      return node.value()
    case 'tree':
      return Object.fromEntries(
        Object.entries(node.children()).map(([name, child]) => [
          name,
          child.kind === 'inline' ? child.value() : { href: `${href}/${encodeURIComponent(name)}` },
        ]),
      )
    case 'collection':
      return node.list().map((item) => ({ href: `${href}/${encodeURIComponent(item.id)}`, ...item }))
  }
}
