import type {
  AttributeDescription,
  CapabilityDescription,
  ErrorDescription,
  MessageDescription,
  NotificationDescription,
  OpenDescription,
  RoutesDescription,
  UpdateDescription,
} from '../../bgp/describe/description.ts'
import { rowsOf, table } from './table.ts'
import { cellsOf, hexWords, objectWords, valueLines } from './words.ts'

/** The details below a message's first line. */
export function bodyLines(message: MessageDescription): string[] {
  return [...contentLines(message), ...message.errors.flatMap(errorLines)]
}

function contentLines(message: MessageDescription): string[] {
  switch (message.type) {
    case 'OPEN':
      return openLines(message)
    case 'UPDATE':
      return updateLines(message)
    case 'NOTIFICATION':
      return notificationLines(message)
    case 'ROUTE-REFRESH':
      return [`${message.family}, ${message.name} (${message.subtype})`]
    case 'UNREAD':
      return [`message type ${message.message_type} (${message.name})`, hexWords(message.bytes)]
    case 'KEEPALIVE':
      return []
  }
}

function openLines(open: OpenDescription): string[] {
  const { version, as, hold_time_seconds, identifier, capabilities, agreed } = open
  return [
    objectWords({ version, as, hold_time_seconds, identifier }),
    ...(capabilities.length === 0
      ? ['no capabilities']
      : ['capabilities', ...indent(capabilityLines(capabilities))]),
    ...(agreed === undefined ? [] : ['agreed with the other side', ...indent(valueLines(agreed))]),
  ]
}

function capabilityLines(capabilities: readonly CapabilityDescription[]): string[] {
  return table(
    capabilities.flatMap(({ code, name, value, bytes }) =>
      rowsOf([formatCode(code), name], value === null ? [`0x${bytes ?? ''}`] : valueLines(value)),
    ),
  )
}

function updateLines({ end_of_rib, reach, unreach, attributes }: UpdateDescription): string[] {
  return [
    ...(end_of_rib === null ? [] : [`End-of-RIB of ${end_of_rib}`]),
    ...unreach.flatMap((routes) => [`withdraws ${routes.family}`, ...indent(routeLines(routes))]),
    ...reach.flatMap((routes) => [
      `advertises ${routes.family}${routes.next_hop === null ? '' : `, next hop ${routes.next_hop}`}`,
      ...indent(routeLines(routes)),
    ]),
    ...(attributes.length === 0 ? [] : ['attributes', ...indent(attributeLines(attributes))]),
  ]
}

/** One route a line; those with the same parts have them below each other. */
function routeLines({ nlri }: RoutesDescription): string[] {
  const lines: string[] = []
  const alike: string[][] = []
  let shape: string | undefined
  for (const { route, route_type, ...fields } of nlri) {
    const title = route === undefined ? [] : [`${route} (${route_type})`]
    const now = [route_type, ...Object.keys(fields)].join()
    if (now !== shape) lines.push(...table(alike.splice(0)))
    shape = now
    alike.push([...title, ...cellsOf(fields)])
  }
  return [...lines, ...table(alike)]
}

function attributeLines(attributes: readonly AttributeDescription[]): string[] {
  return table(
    attributes.flatMap(({ code, name, flags, value, bytes }) =>
      rowsOf(
        [formatCode(code), name, flags.map((flag) => flag.charAt(0).toUpperCase()).join('')],
        value === null ? [`0x${hexWords(bytes ?? '')}`] : valueLines(value),
      ),
    ),
  )
}

function notificationLines(notification: NotificationDescription): string[] {
  const { name, text, data, details, capabilities = [], attributes = [] } = notification
  return [
    name,
    ...(text === null ? [] : [`text ${JSON.stringify(text)}`]),
    ...(data === '' ? [] : [`data ${hexWords(data)}`]),
    ...(details === null ? [] : valueLines(details)),
    ...capabilityLines(capabilities),
    ...attributeLines(attributes),
  ]
}

/** An error, the NOTIFICATION for it, and the bytes. */
function errorLines({ severity, reason, notification, bytes }: ErrorDescription): string[] {
  return [
    `! ${severity}: ${reason}`,
    ...(notification === null ? [] : [`    ${notification.name}`]),
    ...(bytes === '' ? [] : [`    ${hexWords(bytes)}`]),
  ]
}

const formatCode = (code: number): string => String(code).padStart(3)

const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)
