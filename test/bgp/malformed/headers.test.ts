import { playAll } from './cases.ts'
import { headers } from './headers.ts'

playAll('message headers', headers)
