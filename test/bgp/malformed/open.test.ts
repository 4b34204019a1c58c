import { playAll } from './cases.ts'
import { opens } from './open.ts'

playAll('OPEN', opens)
