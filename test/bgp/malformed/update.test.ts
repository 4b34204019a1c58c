import { ip } from '../../support/speakers.ts'
import { CLIENT, PEERS } from '../../support/victim.ts'
import { playAll } from './cases.ts'
import { reflections, updates } from './update.ts'

playAll('UPDATE', updates)
playAll('UPDATE to a reflector', reflections, { clusterId: ip('10.9.9.9'), peers: [...PEERS, CLIENT] })
