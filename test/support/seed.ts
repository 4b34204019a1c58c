import { configureGlobal } from 'fast-check'

/** The same commit gives the same result: new seeds are for `make fuzz`. A property may set another one. */
configureGlobal({ seed: 1 })
