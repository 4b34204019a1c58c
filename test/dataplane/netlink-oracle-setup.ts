import { createRequire } from 'node:module'

/** The pure codecs of the npm package `netlink`: an independent reading of the kernel's headers. */
const require = createRequire(import.meta.url)
export const oracle: typeof import('netlink/dist/rt/structs.js') = require('netlink/dist/rt/structs.js')
export const {
  getMap,
  putMap,
  AttrStream,
}: typeof import('netlink/dist/structs.js') = require('netlink/dist/structs.js')

export const RTM_NEWLINK = 16
export const RTM_NEWNEIGH = 28
export const AF_INET = 2
export const AF_BRIDGE = 7
export const lladdr = Buffer.from('020000000001', 'hex')
export const dst = Buffer.from([192, 0, 2, 2])
