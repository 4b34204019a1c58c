import { readFileSync } from 'node:fs'
import { HOME } from './home.ts'

/** The version in package.json. */
export const VERSION: string = JSON.parse(readFileSync(new URL('package.json', HOME), 'utf8')).version
