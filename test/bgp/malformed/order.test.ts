import { playAll } from './cases.ts'
import { outOfOrder, silent } from './order.ts'

playAll('messages out of order', outOfOrder)
playAll('peers that say nothing', silent)
