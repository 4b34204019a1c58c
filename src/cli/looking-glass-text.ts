export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** Fetches the target of an `href`, with the function for links below it; undefined where the link is not followed. */
export type Follow = (href: string) => Promise<{ data: JsonValue; follow: Follow } | undefined>

export const followNothing: Follow = async () => undefined

const INDENT = 2

/**
 * A looking-glass answer in bagpipe-looking-glass's layout. A subtree behind an `href` is a `(...)`, or what `follow` fetches
 * for it.
 */
export async function lookingGlassText(data: JsonValue, follow = followNothing): Promise<string> {
  return print(data, 0, true, follow)
}

/** The text of `data`, whose key is on the line already; `fresh`: the line is still empty. */
async function print(data: JsonValue, indent: number, fresh: boolean, follow: Follow): Promise<string> {
  if (Array.isArray(data)) return printList(data, indent, fresh, follow)
  if (data !== null && typeof data === 'object') return printObject(data, indent, fresh, follow)
  const margin = ' '.repeat(indent)
  if (typeof data === 'string' && data.includes('\n')) {
    return `\n${margin}${data.replace(/^\n+|\n+$/g, '').replaceAll('\n', `\n${margin}`)}\n`
  }
  return `${scalar(data)}\n`
}

async function printList(data: JsonValue[], indent: number, fresh: boolean, follow: Follow): Promise<string> {
  if (data.length === 0) return '-\n'
  let text = fresh ? '' : '\n'
  for (const item of data)
    text += `${' '.repeat(indent)}* ${await print(item, indent + INDENT, true, follow)}`
  return text
}

async function printObject(
  data: { [key: string]: JsonValue },
  indent: number,
  fresh: boolean,
  follow: Follow,
): Promise<string> {
  const { href, ...rest } = data
  if (typeof href !== 'string') return printMembers(data, indent, fresh, follow)
  const { id, ...members } = rest
  const name = id === undefined ? '' : scalar(id)
  const target = await follow(href)
  if (target !== undefined) return name + (await print(target.data, indent + INDENT, false, target.follow))
  const more = `${name} (...)`
  return Object.keys(members).length === 0
    ? `${more}\n`
    : more + (await printMembers(members, indent, false, follow))
}

async function printMembers(
  data: { [key: string]: JsonValue },
  indent: number,
  fresh: boolean,
  follow: Follow,
): Promise<string> {
  const members = Object.entries(data)
  if (members.length === 0) return '-\n'
  let text = fresh ? '' : '\n'
  for (const [index, [key, value]] of members.entries()) {
    const margin = fresh && index === 0 ? '' : ' '.repeat(indent)
    text += `${margin}${key}: ${await print(value, indent + INDENT, false, follow)}`
  }
  return text
}

/** As Python writes it, which bagpipe-looking-glass's users know. */
function scalar(value: JsonValue): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return String(value)
}
