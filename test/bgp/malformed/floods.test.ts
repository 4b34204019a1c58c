import { CLIENT, PEERS } from '../../support/victim.ts'
import { playAll } from './cases.ts'
import { floods, LIMIT, slow } from './floods.ts'

const peers = [...PEERS, { ...CLIENT, reflectorClient: false, maxPrefixes: LIMIT }]

playAll('floods', floods, { peers })
playAll('peers that take their time', slow)
