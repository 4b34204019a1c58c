import { playAll } from './cases.ts'
import { notifications } from './messages.ts'
import { refreshes } from './refresh-cases.ts'

playAll('NOTIFICATION', notifications)
playAll('ROUTE-REFRESH', refreshes)
