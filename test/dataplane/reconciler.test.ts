import { memoryLab } from './memory-lab.ts'
import { dataplaneSuite } from './suite.ts'

dataplaneSuite('on a kernel in memory', memoryLab)
