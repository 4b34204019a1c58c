import { playAll } from './cases.ts'
import { notifications, refreshes } from './messages.ts'

playAll('NOTIFICATION', notifications)
playAll('ROUTE-REFRESH', refreshes)
